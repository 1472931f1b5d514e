import Foundation
import NetworkAddresses
import TestKit
import Testing

@testable import Workloads
import Timestamps

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

/// An engine's answers, from a server with recorded answers of Docker.
@Suite(.timeLimit(.minutes(20))) final class EngineTests {
    private let engine: ScriptedEngine
    private let directory = WorkloadDirectory()
    private var task: Task<Void, Never>?
    private var naming = WorkloadNaming()
    private let log = CollectedLog()

    init() throws {
        engine = try ScriptedEngine(
            path: NSTemporaryDirectory()
                + "lz-\(getpid())-\(UInt32.random(in: 0...UInt32.max)).sock")
    }

    deinit {
        task?.cancel()
        engine.stop()
    }

    private func follow() async throws {
        let follower = ContainerEngine(
            name: "docker", path: engine.path, naming: naming, directory: directory)
        task = Task.detached(executorPreference: OwnThreads()) { [logger = log.logger] in
            await follower.run(logger: logger)
        }
        let isThere = await eventually {
            engine.listeners > 0 && directory.source.contains("containers)")
        }
        try #require(isThere)
    }

    private func life(
        _ number: Int, spot: Int, labels: [String: String] = [:],
        imageLabels: [String: String] = [:]
    ) -> ScriptedEngine.Life {
        let hex = String(number, radix: 16)
        return .init(
            id: String(repeating: "0", count: 64 - hex.count) + hex, name: "job-\(number)",
            labels: labels, v4: "10.0.\(spot / 250).\(2 + spot % 250)",
            v6: "fd00::\(String(2 + spot, radix: 16))", since: Clock.now(),
            imageLabels: imageLabels)
    }

    @Test func eachImageIsAskedForOnce() async throws {
        let life = life(7, spot: 1)
        engine.begin(life)
        let source = ContainerEngine(
            name: "docker", path: engine.path, naming: naming, directory: directory)
        for _ in 0..<3 {
            let images = try await source.runningImages()
            #expect(images.map(\.workload) == ["job"] && images.map(\.container) == ["job-7"])
            #expect(images.first?.identity.digests == [life.id])
            #expect(images.first?.identity.tags == ["docker.io/library/job:1"])
        }
        #expect(engine.imageQueries == 1)
    }

    private static let shop = [
        "com.docker.compose.project": "shop", "com.docker.compose.service": "web",
    ]

    /// Labels of a container, labels of its image, and the container's name.
    private static let claims: [([String: String], [String: String], String)] = [
        // An image's author cannot name a workload.
        ([:], shop, "job"),
        ([:], ["io.kubernetes.pod.namespace": "shop", "io.kubernetes.pod.name": "web-0"], "job"),
        ([:], ["com.docker.swarm.service.name": "web"], "job"), ([:], ["app": "web"], "job"),
        // Compose overrides the image's labels with its own, and marks containers of its own
        // builds.
        (["com.docker.compose.project": "lab", "com.docker.compose.service": "x"], shop, "lab/x"),
        (["com.docker.compose.config-hash": "0f"], shop, "shop/web"),
        // A label names a workload within its project; elsewhere it cannot look like a project's
        // name.
        (shop.merging(["app": "db"]) { $1 }, [:], "shop/db"), (["app": "db"], [:], "db"),
        (["app": "shop/web"], [:], "job"),
        (["com.docker.compose.service": "shop/web"], [:], "job"),
        (
            ["com.docker.compose.project": "shop/web", "com.docker.compose.service": "x"], [:],
            "job"
        ),
        // Claims of two owners are ignored.
        (shop.merging(["com.docker.swarm.service.name": "db"]) { $1 }, [:], "job"),
        (
            shop.merging([
                "io.kubernetes.pod.namespace": "lab", "io.kubernetes.pod.name": "scan-0",
            ]) { $1 }, [:], "job"
        ),
    ]

    @Test(arguments: EngineTests.claims)
    func labelsNameOnlyWithinTheScopeOfTheirAuthor(
        own: [String: String], image: [String: String], name: String
    ) async throws {
        naming = WorkloadNaming(nameLabel: "app")
        try await follow()
        let one = life(1, spot: 3, labels: own, imageLabels: image)
        engine.begin(one)
        let isHeard = try await eventually {
            try directory.inventory().workload(of: address(one.v4)) != nil
        }
        #expect(isHeard)
        #expect(try directory.inventory().workload(of: address(one.v4))?.name == name)
        let listed = WorkloadDirectory()
        try await ContainerEngine(
            name: "docker", path: engine.path, naming: naming, directory: listed
        ).list()
        #expect(try listed.inventory().workload(of: address(one.v6))?.name == name)
    }

    @Test func withoutAccessToImagesLabelsAreIgnoredWithAWarning() async throws {
        engine.hidesImages = true
        engine.begin(life(1, spot: 3, labels: Self.shop))
        try await follow()
        #expect(try directory.inventory().workload(of: address("10.0.0.5"))?.name == "job")
        let isReported = await eventually {
            log.lines.contains { $0.contains("allow GET /images/NAME/json") }
        }
        #expect(isReported)
    }

    @Test func aContainerIsKnownBeforeItRunsAndForgottenAfterItsEnd() async throws {
        try await follow()
        #expect(directory.bridges() == ["br-abababababab"])
        #expect(
            directory.networks().first?.gateways == [
                try address("10.0.0.1"), try address("fd00::1"),
            ])
        let one = life(
            1, spot: 3,
            labels: [
                "com.docker.compose.project": "shop", "com.docker.compose.service": "web",
            ])
        engine.begin(one)
        let isKnown = try await eventually {
            try directory.inventory().workload(of: address(one.v6))?.name == "shop/web"
        }
        #expect(isKnown)
        #expect(try directory.lease(of: address(one.v4), at: one.since)?.container.name == "job-1")
        #expect(try directory.lease(of: address(one.v4), at: one.since - .nanoseconds(1)) == nil)
        engine.end(one.id, at: one.since + .seconds(5))
        let isGone = await eventually { directory.inventory().workloads.isEmpty }
        #expect(isGone)
        #expect(directory.source.hasPrefix("docker /"))
    }

    @Test func changesDuringADisconnectionAreListed() async throws {
        try await follow()
        let (old, kept) = (life(1, spot: 1), life(2, spot: 2))
        engine.begin(old)
        engine.begin(kept)
        let areKnown = await eventually { directory.leases().count == 4 }
        #expect(areKnown)
        let since = try #require(directory.lease(of: address(kept.v4), at: .distantFuture)?.since)
        engine.stop()
        engine.end(old.id, at: Clock.now(), sendsEvent: false)
        // Another container has its address now.
        var new = life(3, spot: 1)
        new.since += .seconds(2)
        engine.begin(new, sendsEvent: false)
        let isReported = await eventually { directory.source.contains("not answering") }
        #expect(isReported)
        // Known containers are kept.
        #expect(directory.leases().count == 4)
        try engine.start()
        let isFound = try await eventually {
            try directory.lease(of: address(new.v4), at: .distantFuture)?.container.name == "job-3"
        }
        #expect(isFound)
        #expect(try directory.lease(of: address(old.v4), at: old.since)?.container.name == "job-1")
        // It was named by its event or by a list, which has whole seconds; the disconnection has no
        // effect.
        #expect(try directory.lease(of: address(kept.v4), at: .distantFuture)?.since == since)
        #expect((since - kept.since).magnitude < .seconds(1))
        #expect(!directory.source.contains("not answering"))
    }

    /// The numbers in docs/workloads.md are from `LAZARET_LIVES=10000`.
    @Test func thousandsOfContainersAreDistinguishedAndLeaveNoState() async throws {
        try await follow()
        let given = ProcessInfo.processInfo.environment["LAZARET_LIVES"].flatMap { Int($0) }
        let (lives, slots) = (max(given ?? 2000, 200), 100)
        var made: [ScriptedEngine.Life] = []
        // Twenty a second by the engine's clock; received as fast as possible.
        let start = Clock.now() - .milliseconds(lives * 50)
        for number in 0..<lives {
            var one = life(number + 1, spot: number % slots)
            one.since = start + .milliseconds(number * 50)
            engine.begin(one)
            made.append(one)
            if number >= slots / 2 {
                let old = made[number - slots / 2]
                engine.end(old.id, at: one.since)
            }
            // No container ends before it could be queried.
            if number % 25 == 24 {
                let isHeard = try await eventually {
                    try directory.lease(of: address(one.v4), at: .distantFuture)?.container.name
                        == one.name
                }
                try #require(isHeard, "\(number)")
            }
        }
        var wrong = 0
        for (number, one) in made.enumerated().suffix(4000) {
            let end = number + slots / 2 < lives ? made[number + slots / 2].since : .distantFuture
            for time in [one.since, one.since + .milliseconds(1), end - .nanoseconds(1)] {
                for spot in [one.v4, one.v6] {
                    let found = try directory.lease(of: address(spot), at: time)
                    if found?.container.name != one.name { wrong += 1 }
                }
            }
        }
        #expect(wrong == 0)
        let size = directory.size()
        // A quarter of an hour at twenty a second, two addresses each, independent of earlier
        // containers.
        #expect(size.leases <= 36_200 && size.addresses <= 2 * slots && size.refused == 0)
        for one in made.suffix(slots / 2) { engine.end(one.id, at: Clock.now()) }
        let isEmpty = await eventually { directory.leases().isEmpty }
        #expect(isEmpty)
        directory.end("docker", container: "none", at: Clock.now() + .seconds(1000))
        #expect(directory.size().leases == 0 && directory.size().containers <= slots)
    }

    @Test func implausibleAnswersAreHarmless() async throws {
        try await follow()
        let long = String(repeating: "x", count: 100_000)
        for line in [
            "", "{", "null", "[]", "{}", #"{"Type":"container"}"#,
            String(repeating: "[", count: 10_000),
            ##"{"Type":"container","Action":"start","Actor":{"ID":"../../x?y=\"#,\""}}"##,
            #"""
            {"Type":"container","Action":"start","Actor":{"ID":"\#(long)"},\#
            "timeNano":9223372036854775807}
            """#,
            #"""
            {"Type":"network","Action":"connect","Actor":{"ID":"\#(long)",\#
            "Attributes":{"container":"a"}}}
            """#,
            #"""
            {"Type":"container","Action":"die","Actor":{"ID":"\#(long)"},"time":9223372036854775807}
            """#,
            // Implausible times of a container whose identifier is known.
            #"""
            {"Type":"container","Action":"start","Actor":{"ID":"b"},"timeNano":9223372036854775807}
            """#,
            #"""
            {"Type":"container","Action":"die","Actor":{"ID":"b"},"timeNano":9223372036854775807}
            """#,
            #"""
            {"Type":"container","Action":"die","Actor":{"ID":"b"},"timeNano":-9223372036854775808}
            """#,
            #"{"Type":"container","Action":"die","Actor":{"ID":"b"},"time":-9223372036854775808}"#,
            #"""
            {"Type":"container","Action":"create","Actor":{"ID":"a",\#
            "Attributes":{"name":"\#(long)","com.docker.compose.service":"\#(long)"}}}
            """#,
        ] { engine.sendLine(line) }
        for number in 0..<5000 {
            engine.sendLine(
                #"""
                {"Type":"container","Action":"start","Actor":{"ID":"f\#(number)"},\#
                "timeNano":\#(number)}
                """#
            )
        }
        let one = life(1, spot: 3)
        engine.begin(one)
        let isKnown = try await eventually {
            try directory.inventory().workload(of: address(one.v4))?.name == "job"
        }
        #expect(isKnown)
    }

    @Test func aLossIsReportedAgainAfterAMinute() {
        let notice = SourceNotice()
        let start = Clock.monotonic()
        #expect(notice.back("back") == nil)
        #expect(notice.lost("lost", now: start) == "lost")
        #expect(notice.lost("lost", now: start + .seconds(1)) == nil)
        #expect(notice.back("back") == "back" && notice.back("back") == nil)
        #expect(notice.lost("lost", now: start + .seconds(59)) == nil && notice.back("back") == nil)
        let again = notice.lost("lost", now: start + .seconds(60))
        #expect(again?.hasPrefix("lost; it is not the first time") == true)
    }

    @Test func anEndlessLineIsNotBuffered() async throws {
        try await follow()
        let before = engine.lists
        engine.sendLine(String(repeating: "x", count: 2 * SourceConnection.lineLimit))
        // It disconnects, and lists everything again.
        let isBack = await eventually { engine.lists > before }
        #expect(isBack)
    }
}
