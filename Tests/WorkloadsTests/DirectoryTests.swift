import Foundation
import NetworkAddresses
import Synchronization
import TestKit
import Testing

@testable import Workloads
import Timestamps

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

private func container(_ id: String, _ workload: String) -> Container {
    WorkloadNaming().container(id: id, name: "\(workload)-1", image: "\(workload):1", labels: [:])
}

private func lease(_ id: String, _ workload: String, since: Timestamp) -> Lease {
    Lease(container: container(id, workload), network: "net", mac: nil, since: since)
}

struct DirectoryTests {
    @Test func aFlowBelongsToTheOwnerAtItsTime() throws {
        let directory = WorkloadDirectory()
        let spot = try address("10.0.0.5")
        directory.begin("d", [(spot, lease("a", "web", since: Timestamp(second: 100)))])
        directory.end("d", container: "a", at: Timestamp(second: 200))
        directory.begin(
            "d", [(spot, lease("b", "job", since: Timestamp(second: 200) + .milliseconds(300)))])
        // Reported late: its lease is between the two known ones.
        func name(_ time: Timestamp) -> String? {
            directory.lease(of: spot, at: time)?.container.workload
        }
        #expect(name(Timestamp(second: 99)) == nil)
        #expect(name(Timestamp(second: 100)) == "web" && name(Timestamp(second: 200)) == "web")
        #expect(name(Timestamp(second: 200) + .nanoseconds(299_999_999)) == "web")
        #expect(
            name(Timestamp(second: 200) + .milliseconds(300)) == "job"
                && name(Timestamp(second: 900)) == "job")
        // An answer after the end does not reopen the lease.
        directory.end("d", container: "b", at: Timestamp(second: 300))
        directory.begin(
            "d", [(spot, lease("b", "job", since: Timestamp(second: 200) + .milliseconds(300)))])
        #expect(directory.inventory().workload(of: spot) == nil)
        #expect(name(Timestamp(second: 303)) == nil)
        // The same container, started again.
        directory.begin("d", [(spot, lease("b", "job", since: Timestamp(second: 400)))])
        #expect(name(Timestamp(second: 350)) == nil && name(Timestamp(second: 401)) == "job")
        // Reassigned without a report of the end.
        directory.begin("d", [(spot, lease("c", "db", since: Timestamp(second: 500)))])
        #expect(name(Timestamp(second: 499)) == "job" && name(Timestamp(second: 500)) == "db")
    }

    @Test func aContainerThatEndedBeforeTheAnswerIsKnownAfterwards() throws {
        let directory = WorkloadDirectory()
        let spot = try address("10.0.0.5")
        directory.end("d", container: "short", at: Timestamp(second: 2000))
        directory.begin("d", [(spot, lease("short", "job", since: Timestamp(second: 1000)))])
        #expect(
            directory.lease(of: spot, at: Timestamp(second: 1500))?.container.workload == "job")
        #expect(directory.inventory().workloads.isEmpty)
    }

    @Test func aListEndsMissingContainersAndKeepsYoungerOnes() throws {
        let directory = WorkloadDirectory()
        let (one, two) = (try address("10.0.0.5"), try address("10.0.0.6"))
        directory.begin("d", [(one, lease("a", "web", since: Timestamp(second: 100)))])
        directory.begin("d", [(two, lease("b", "job", since: Timestamp(second: 300)))])
        directory.begin(
            "k", [(try address("10.9.0.1"), lease("p", "pod", since: Timestamp(second: 100)))])
        // Queried at 200, before b was started.
        directory.replaceAll("d", [], containers: [], at: Timestamp(second: 200))
        #expect(directory.inventory().workloads.map(\.name) == ["job", "pod"])
    }

    @Test func changesAreReportedOnce() throws {
        let directory = WorkloadDirectory()
        let spot = try address("10.0.0.5")
        let version = directory.version
        directory.begin("d", [(spot, lease("a", "web", since: Timestamp(second: 100)))])
        #expect(directory.version != version)
        #expect(directory.takeChange().holders[spot]??.workload == "web")
        #expect(directory.takeChange().isEmpty)
        directory.begin("d", [(spot, lease("a", "web", since: Timestamp(second: 100)))])
        #expect(directory.takeChange().isEmpty)
        directory.end("d", container: "a", at: Timestamp(second: 200))
        let change = directory.takeChange()
        #expect(change.holders.keys.contains(spot) && change.holders[spot] == .some(nil))
    }

    @Test func tenThousandContainersLeaveNoState() throws {
        let directory = WorkloadDirectory()
        var now = Timestamp(second: 1000)
        var largest = 0
        for life in 0..<10_000 {
            // Twenty a second, each for one second, with a few hundred addresses; half have IPv6
            // too.
            now += .milliseconds(50)
            let v4 = try address("10.0.\(life % 2).\(2 + life % 200)")
            let v6 = try address("fd00::\(String(2 + life % 200, radix: 16))")
            directory.begin("d", [(v4, lease("c\(life)", "job", since: now))])
            if life % 2 == 0 {
                directory.begin("d", [(v6, lease("c\(life)", "job", since: now))])
            }
            if life >= 20 { directory.end("d", container: "c\(life - 20)", at: now) }
            largest = max(largest, directory.size().leases)
        }
        for life in 9980..<10_000 { directory.end("d", container: "c\(life)", at: now) }
        #expect(largest <= 15_000 && directory.size().refused == 0)
        // A quarter of an hour later, the table is empty.
        directory.end("d", container: "none", at: now + .seconds(1000))
        #expect(directory.size().leases == 0 && directory.size().addresses == 0)
        #expect(directory.size().containers <= 1)
    }

    @Test func enginesNameTheirNetworksAndTheFileTakesPrecedence() throws {
        let given = try Inventory(
            yaml: "workloads: [{name: printer, addresses: [10.0.0.9]}]", path: "i")
        let model = try Inventory(
            yaml: """
                workloads: [{name: old, addresses: [10.0.0.5]}, {name: partner, addresses: \
                [203.0.113.5]}]
                networks: [{name: net, prefix: 10.0.0.0/24, gateway: 10.0.0.1}]
                """, path: "m")
        var map = IdentityMap(inventory: given, remembered: model)
        #expect(try map.identity(of: address("10.0.0.5")).name == "old")
        var change = WorkloadChange()
        change.networks = [
            .init(name: "net", prefix: try #require(IPPrefix("10.0.0.0/24")), gateway: nil)
        ]
        change.holders[try address("10.0.0.6")] = .init(workload: "web", image: "nginx")
        change.holders[try address("10.0.0.9")] = .init(workload: "web", image: "nginx")
        map.apply(change)
        #expect(try map.identity(of: address("10.0.0.6")).name == "web")
        #expect(try map.identity(of: address("10.0.0.9")).name == "printer")
        // The owner when the model was trained is not the current owner.
        #expect(try map.identity(of: address("10.0.0.5")).name == "10.0.0.5")
        #expect(try map.identity(of: address("203.0.113.5")).name == "partner")
        change = WorkloadChange()
        change.holders[try address("10.0.0.6")] = .some(nil)
        map.apply(change)
        #expect(try map.identity(of: address("10.0.0.6")).isNamed == false)
    }
}

struct NamingTests {
    @Test(arguments: [
        ("nginx:1.27", "nginx"), ("docker.io/library/nginx@sha256:00", "nginx"),
        ("localhost/bb:1", "bb"), ("registry:5000/team/app", "registry:5000/team/app"),
        ("registry:5000/team/app:2", "registry:5000/team/app"),
    ])
    func imagesAreTheirRepositories(reference: String, name: String) {
        #expect(WorkloadNaming.repository(of: reference) == name)
    }

    /// PROJECT/SERVICE and NAMESPACE/OWNER are not names of images.
    @Test(arguments: [
        ("nginx:1.27", "nginx"), ("shop/web:1", "docker.io/shop/web"),
        ("docker.io/shop/web", "docker.io/shop/web"), ("localhost/shop/web", "localhost/shop/web"),
        ("localhost/bb:1", "bb"), ("registry:5000/team/app", "registry:5000/team/app"),
        ("quay.io/team/app@sha256:00", "quay.io/team/app"),
    ])
    func imagesWithAPathKeepTheirRegistryInTheName(reference: String, name: String) {
        #expect(WorkloadNaming.name(ofImage: reference) == name)
    }

    @Test func labelsTakePrecedenceOverImages() {
        let compose = [
            "com.docker.compose.project": "shop", "com.docker.compose.service": "web",
            "team": "a", "secret": "b",
        ]
        let naming = WorkloadNaming(nameLabel: "app", labels: ["team"])
        func made(_ labels: [String: String], image: String = "nginx:1") -> Container {
            naming.container(id: "1", name: "web-2", image: image, labels: labels)
        }
        #expect(made(compose).workload == "shop/web" && made(compose).image == "nginx")
        #expect(made(compose).labels == ["team": "a"])
        // Within its own project.
        #expect(made(compose.merging(["app": "front"]) { $1 }).workload == "shop/front")
        #expect(made(["app": "front"]).workload == "front")
        #expect(made([:]).workload == "nginx")
        #expect(made([:], image: "sha256:" + String(repeating: "a", count: 64)).workload == "web")
    }

    @Test(arguments: ["outside", "node", "10.0.0.1", "image nginx", "network dmz", "gateway of x"])
    func noWorkloadHasAReservedName(name: String) {
        let made = WorkloadNaming(nameLabel: "n").container(
            id: "1", name: "x", image: "", labels: ["n": name])
        #expect(made.workload == "container \(name)")
    }

    @Test func hostileNamesAreTruncatedAndCleaned() throws {
        let name = "a\n\u{1B}[2J\u{202E}'\"}]:" + String(repeating: "é", count: 10_000)
        let made = WorkloadNaming(nameLabel: "n", labels: ["n"]).container(
            id: name, name: name, image: name, labels: ["n": name])
        for text in [made.id, made.name, made.workload, made.reference] {
            #expect(text.utf8.count <= 264 && !text.contains("\n") && !text.contains("\u{1B}"))
            #expect(!text.unicodeScalars.contains("\u{202E}"))
        }
        let inventory = Inventory(
            holders: [
                try address("10.0.0.5"): .init(
                    workload: made.workload, image: made.image, labels: made.labels,
                    mac: MACAddress("02:00:00:00:00:01")),
                try address("fd00::5"): .init(
                    workload: made.workload, image: made.image, labels: made.labels,
                    mac: MACAddress("02:00:00:00:00:01")),
            ],
            networks: [
                .init(name: "n: [", prefix: try #require(IPPrefix("10.0.0.0/24")), gateway: nil),
                .init(name: "n: [", prefix: try #require(IPPrefix("fd00::/64")), gateway: nil),
            ])
        #expect(try Inventory(yaml: inventory.yaml, path: "i") == inventory)
    }
}
