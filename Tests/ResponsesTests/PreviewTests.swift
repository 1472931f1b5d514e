import EventStore
import Foundation
import Quarantine
import TestKit
import Testing
import Timestamps

@testable import Responses

/// What would be done, without doing it.
@Suite(.timeLimit(.minutes(20)))
struct PreviewTests {
    private let bench: ResponseBench
    private var docker: FakeDocker { bench.docker }

    init() throws { bench = try ResponseBench() }

    private func preview(
        _ entries: [ResponseEntry], on text: String, workload: String? = "shop/web",
        _ situation: ResponseSituation = ResponseSituation(rules: [], isActing: true),
        path: String? = nil
    ) async -> ResponsePreview {
        await ResponsePreview(
            of: entries, on: [target(text)], workload: workload,
            engines: [EngineAddress(name: "docker", path: path ?? docker.path, isNamed: true)],
            situation: situation, now: bench.now)
    }

    @Test func everyRungIsDescribedWithItsUndo() async throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"], aliases: ["shop", "the shop"])
        docker.change(1) { $0.restart = "always" }
        var border = ResponseEntry("border", .request, after: 5)
        var step = RequestStep()
        (step.method, step.url) = ("POST", "https://fw.example/secret/{{address}}")
        (border.apply, border.undo) = (step, step)
        let plan = await preview(
            [
                ResponseEntry("end", .stop, after: 60), ResponseEntry("cut", .disconnect),
                border, ResponseEntry("halt", .pause, after: 10), ResponseEntry("keep", .evidence),
                ResponseEntry("others", .stop, workloads: ["batch/*"]),
            ], on: "10.0.0.2")
        #expect(plan.responses.map(\.entry) == ["cut", "keep", "border", "halt", "end"])
        #expect(plan.responses.allSatisfy { $0.objection == nil })
        let byEntry = Dictionary(uniqueKeysWithValues: plan.responses.map { ($0.entry, $0) })
        #expect(byEntry["cut"]?.effect == "disconnects web from net")
        #expect(
            byEntry["cut"]?.commands == [
                "docker network connect --ip 10.0.0.2 --alias shop --alias 'the shop' net web"
            ])
        #expect(byEntry["halt"]?.commands == ["docker unpause web"])
        #expect(byEntry["end"]?.effect == "stops web within 10 s (restart policy: always)")
        #expect(byEntry["end"]?.commands == ["docker start web"])
        #expect(byEntry["border"]?.effect == "POST https://fw.example/***")
        #expect(plan.containers.map(\.name) == ["web"])
        #expect(docker.changes.isEmpty)
        #expect(try bench.store.openResponses().isEmpty)
    }

    @Test func whatWouldNotBeDoneHasItsReason() async throws {
        docker.add(1, "web", at: ["net": "10.0.0.2"])
        docker.add(2, "sidecar", at: [:], mode: "container:\(FakeDocker.id(1))")
        docker.add(3, "door", at: ["net": "10.0.0.3"])
        let entries = [ResponseEntry("halt", .pause)]
        let shared = await preview(entries, on: "10.0.0.2")
        #expect(shared.responses.first?.objection?.contains("sidecar") == true)
        var situation = ResponseSituation(rules: [], isActing: true)
        situation.protected.add(prefix("10.0.0.3"), reason: "the operators' door")
        let saved = await preview(entries, on: "10.0.0.3", situation)
        #expect(saved.responses.first?.objection?.contains("the operators' door") == true)
        let unknown = await preview(entries, on: "10.0.0.77")
        #expect(unknown.responses.isEmpty && unknown.containers.isEmpty)
        let away = await preview(entries, on: "10.0.0.2", path: "/tmp/lzr-no-such.sock")
        #expect(away.responses.isEmpty && away.troubles.count == 1)
    }
}
