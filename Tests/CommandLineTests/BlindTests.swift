import Foundation
import TestKit
import Testing

/// A monitor that cannot get any packet says so everywhere, and sees again by itself.
@Suite(.needsKernel, .needs("curl"))
struct BlindTests {
    private let space: Namespace
    /// Where the other end of a port is.
    private let container: Namespace
    private let scratch: Scratch
    /// A socket's path has at most 107 bytes.
    private let socket = "/tmp/lzb-\(UInt32.random(in: 0...UInt32.max)).sock"

    init() throws {
        space = try Namespace("blind")
        container = try Namespace("box")
        scratch = try Scratch()
    }

    private var engine: String { scratch.path("docker.sock") }

    private func configuration(_ interfaces: String) throws -> String {
        let text = """
            interfaces: [\(interfaces)]
            state: \(scratch.path("state"))
            events: \(scratch.path("eve.json"))
            control: {socket: \(socket)}
            workloads: {docker: \(engine), podman: never, kubernetes: never}

            """
        return try scratch.write("lazaret.yaml", Data(text.utf8))
    }

    private func monitor(_ interfaces: String) throws -> Background {
        let program = try Background(
            in: space,
            ["monitor", "-c", try configuration(interfaces), "-m", try scratch.model()])
        let isAnswering = try eventually { try !program.isRunning || ask("/healthz") == "ok\n" }
        try #require(isAnswering && program.isRunning, "\(program.errors)")
        return program
    }

    private func ask(_ path: String) throws -> String {
        let words = ["curl", "-s", "-m", "60", "--unix-socket", socket, "http://lazaret\(path)"]
        return (try? Namespace.command(words)) ?? ""
    }

    /// Waits until status, readiness and metric say that nothing is seen, for this reason.
    private func isBlind(_ reason: String) throws -> Bool {
        try eventually {
            let status = try Run("status", "--socket", socket).output
            let metrics = try ask("/metrics")
            // It is alive: a restart would not make it see.
            return try status.contains(reason) && ask("/readyz").contains(reason)
                && ask("/healthz") == "ok\n"
                && metrics.contains("\nlazaret_capture_blind 1\n")
        }
    }

    private func isReady() throws -> Bool {
        try eventually {
            let metrics = try ask("/metrics")
            return try ask("/readyz") == "ok\n"
                && metrics.contains("\nlazaret_capture_blind 0\n")
        }
    }

    private func addBridge(_ name: String) throws {
        try space.run("ip", "link", "add", name, "type", "bridge")
        try space.run("ip", "link", "set", name, "up")
    }

    private func addPort(of bridge: String) throws {
        try Namespace.command([
            "ip", "link", "add", "p0", "netns", space.name, "type", "veth", "peer", "name", "e0",
            "netns", container.name,
        ])
        try space.run("ip", "link", "set", "p0", "master", bridge)
        try space.run("ip", "link", "set", "p0", "up")
        try container.run("ip", "link", "set", "e0", "up")
    }

    @Test func containersWithoutAnEngineAreUnhealthyUntilItHasABridgeWithAPort() throws {
        let program = try monitor("containers")
        #expect(try isBlind("no container engine answers (docker \(engine))"), "\(program.errors)")
        #expect(program.errors.contains("warning: no packet can arrive: 'containers'"))
        let doctor = try Background(in: space, ["doctor", "-c", scratch.path("lazaret.yaml")])
        #expect(doctor.status == 1)
        let line = doctor.output.split(separator: "\n").first { $0.contains("containers") }
        #expect(line?.hasPrefix("error ") == true, "\(doctor.output)")
        #expect(line?.contains("\(engine)") == true, "\(doctor.output)")

        let bridge = "br-" + String(repeating: "ab", count: 6)
        try addBridge(bridge)
        let docker = try ScriptedEngine(path: engine)
        defer { docker.stop() }
        #expect(try isBlind("no packet can arrive: no port at \(bridge)"), "\(program.errors)")
        try addPort(of: bridge)
        #expect(try isReady(), "\(program.errors)")
        #expect(program.errors.contains("packets can arrive again"), "\(program.errors)")
        let again = try Background(in: space, ["doctor", "-c", scratch.path("lazaret.yaml")])
        _ = again.status
        #expect(again.output.contains("bridges \(bridge)"), "\(again.output)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func anotherInterfaceDoesNotHideThatNoContainerIsSeen() throws {
        let program = try monitor("containers, lo")
        #expect(try isBlind("'containers': no container engine answers"), "\(program.errors)")
        #expect(!program.errors.contains("no packet can arrive"), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func anInterfaceThatIsDownIsUnhealthyAndSeesWhenItIsUp() throws {
        try Namespace.command([
            "ip", "link", "add", "up0", "netns", space.name, "type", "veth", "peer", "name", "e0",
            "netns", container.name,
        ])
        try container.run("ip", "link", "set", "e0", "up")
        let program = try monitor("up0")
        #expect(try isBlind("no packet can arrive: up0 is down"), "\(program.errors)")
        let file = scratch.path("lazaret.yaml")
        let check = try Background(in: space, ["config", "check", "-c", file])
        #expect(check.status == 0, "\(check.errors)")
        let doctor = try Background(in: space, ["doctor", "-c", file])
        _ = doctor.status
        #expect(doctor.output.contains(#/\nwarning +interface up0 +interface, down/#))
        try space.run("ip", "link", "set", "up0", "up")
        #expect(try isReady(), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }

    @Test func aBridgeWithoutAPortIsUnhealthyAndOneThatIsDownToo() throws {
        try addBridge("br7")
        let program = try monitor("br7")
        #expect(try isBlind("no packet can arrive: no port at br7"), "\(program.errors)")
        try addPort(of: "br7")
        #expect(try isReady(), "\(program.errors)")
        try space.run("ip", "link", "set", "p0", "down")
        #expect(try isBlind("no packet can arrive"), "\(program.errors)")
        try space.run("ip", "link", "set", "p0", "up")
        #expect(try isReady(), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0)
    }
}
