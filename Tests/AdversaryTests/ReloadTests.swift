import Foundation
import TestKit
import Testing

/// A reload that changes the interfaces between ports and others.
@Suite(.serialized, .needsKernel, .needs("hping3"), .timeLimit(.minutes(20)))
struct ReloadTests {
    private let lab: Lab
    private let scratch: Scratch
    private let engine: ScriptedEngine
    /// The bridge of the engine's network.
    private static let bridge = "br-abababababab"

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        engine = try ScriptedEngine(path: scratch.path("docker.sock"))
        let node = lab.node.space
        try node.run("ip", "link", "set", "br1", "down")
        try node.run("ip", "link", "set", "br1", "name", Self.bridge)
        try node.run("ip", "link", "set", Self.bridge, "up")
    }

    private func configure(_ interfaces: String) throws {
        try scratch.write(
            "lazaret.yaml",
            Data(
                """
                interfaces: [\(interfaces)]
                model: \(scratch.path("clean.model"))
                state: \(scratch.path("state"))
                control: {socket: \(scratch.path("control.sock"))}
                events: \(scratch.path("eve.json"))
                workloads: {docker: \(engine.path), podman: never, kubernetes: never}
                record: {file: \(scratch.path("kept.pcapng"))}

                """.utf8))
    }

    private func alerts() -> [(offender: String, evidence: String)] {
        let text = (try? String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            let event = try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
            guard event?["event_type"] as? String == "alert",
                let details = event?["lazaret"] as? [String: Any]
            else { return nil }
            return (
                event?["src_ip"] as? String ?? "", details["evidence"] as? String ?? ""
            )
        }
    }

    private func flood(_ from: Lab.Host, _ to: Lab.Host) throws {
        try from.space.run(
            "sh", "-c", "hping3 -q -S -c 400 -i u1000 -p 80 \(to.v4) >&2 || true")
    }

    @Test func theCaptureFollowsFromTheUplinkToThePortsAndBack() throws {
        _ = try scratch.model()
        try configure("uplink")
        let program = try Background(
            in: lab.node.space, ["monitor", "-c", scratch.path("lazaret.yaml")])
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        func isAlerted(_ offender: Lab.Host, flooding victim: Lab.Host) throws -> Bool {
            let before = alerts().count
            return try eventually {
                try flood(offender, victim)
                return alerts().dropFirst(before).contains { $0.offender == offender.v4 }
            }
        }
        // The uplink sees what comes from outside, and nothing of the bridge.
        try flood(lab.a, lab.b)
        #expect(try isAlerted(lab.outside, flooding: lab.b))
        #expect(!alerts().contains { $0.offender == lab.a.v4 })

        func reload(_ interfaces: String, until words: String) throws {
            let count = program.errors.components(separatedBy: words).count
            try configure(interfaces)
            program.signal(SIGHUP)
            let isDone = eventually {
                program.errors.components(separatedBy: words).count > count
            }
            #expect(isDone, "\(program.errors)")
        }
        try reload("containers", until: "watching \(Self.bridge)")
        #expect(try isAlerted(lab.a, flooding: lab.b))
        #expect(alerts().last { $0.offender == lab.a.v4 }?.evidence == "port")

        // Back: the ports are not watched any more.
        try reload("uplink", until: "watching uplink")
        let before = alerts().count
        try flood(lab.bystander, lab.b)
        #expect(try isAlerted(lab.outside, flooding: lab.bystander))
        #expect(!alerts().dropFirst(before).contains { $0.offender == lab.bystander.v4 })
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        // The recording has the packets of all three times.
        let flows = try Run("flows", "-r", scratch.path("kept.pcapng"), "--format", "csv")
        #expect(flows.output.contains(lab.a.v4) && flows.output.contains(lab.outside.v4))
    }
}
