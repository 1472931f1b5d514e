import Foundation
import TestKit
import Testing

/// A container that may configure its own network lists addresses that are not its own, lists
/// many, or moves its end of the port.
@Suite(.needsKernel, .timeLimit(.minutes(20)))
struct ListedAddressTests {
    private let lab: Lab
    private let scratch: Scratch
    private let model: String

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        model = try scratch.model()
    }

    private func monitor() throws -> Background {
        let inventory = try scratch.write(
            "inventory.yaml",
            Data("networks: [{name: app, prefix: 10.77.1.0/24, gateway: 10.77.1.1}]\n".utf8))
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-m", model, "--inventory", inventory, "--state",
                scratch.path("state"), "-o", scratch.path("eve.json"), "--socket", "never",
                "--enforce",
            ])
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    private func patterns() -> Set<String> {
        Set(scratch.eventDetails.compactMap { $0["pattern"] as? String })
    }

    private func list(_ addresses: [String]) throws {
        let lines = addresses.map { "addr add \($0)/32 dev eth0\n" }.joined()
        try lab.a.space.run("ip", "-batch", "-", input: lines)
    }

    /// One SYN from one of the offender's addresses.
    private func probe(_ source: String, _ port: UInt16) throws {
        let socket = try Socket(lab.a, stream: true)
        try socket.bind(source, 0)
        try socket.wait(seconds: 0.01)
        _ = socket.connect(lab.b.v4, port)
    }

    private func isFencedForScanning(from addresses: [String]) throws -> Bool {
        var port: UInt16 = 2000
        return try eventually {
            for _ in 0..<200 {
                try probe(addresses[Int(port) % addresses.count], port)
                port += 1
            }
            return scratch.fencedTargets.contains("port:p0")
        }
    }

    /// The address is reserved before the container that will have it starts.
    @Test func aContainerThatStartsLaterIsNotAccused() throws {
        let newcomer = Lab.Host(space: try Namespace("new"), v4: "10.77.1.21", v6: "fd77:1::21")
        let program = try monitor()
        try list([newcomer.v4])
        try lab.a.space.run("ping", "-c", "1", "-I", newcomer.v4, lab.b.v4)
        try lab.plug(newcomer, port: "p4", net: 1)
        for _ in 0..<40 {
            let socket = try Socket(newcomer, stream: true)
            try socket.wait(seconds: 0.05)
            _ = socket.connect(lab.b.v4, 80)
            usleep(50_000)
        }
        #expect(try lab.reaches(newcomer, lab.b))
        // The attack of the other is found meanwhile, under its own name.
        #expect(try isFencedForScanning(from: [lab.a.v4, newcomer.v4]), "\(program.errors)")
        #expect(
            scratch.fencedTargets.isSubset(of: ["port:p0", lab.a.v4]), "\(scratch.fencedTargets)")
        #expect(!patterns().contains("spoofed_source_addresses"), "\(patterns())")
        #expect(try lab.reaches(newcomer, lab.b))
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test func aScanFromManyListedAddressesIsOneScan() throws {
        let addresses = (100..<200).map { "10.77.1.\($0)" }
        try list(addresses)
        let program = try monitor()
        #expect(try isFencedForScanning(from: addresses), "\(program.errors) \(patterns())")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    /// The fenced container moves its interface where it gets another index.
    @Test func aFenceStaysWhenTheContainerMovesItsEnd() throws {
        let program = try monitor()
        #expect(try isFencedForScanning(from: [lab.a.v4]), "\(program.errors)")
        let other = try Namespace("moved")
        for number in 0..<6 {
            try other.run(
                "ip", "link", "add", "x\(number)", "type", "veth", "peer", "name", "y\(number)")
        }
        try lab.a.space.run("ip", "link", "set", "eth0", "netns", other.name)
        try other.run("ip", "addr", "add", "10.77.1.60/24", "dev", "eth0")
        try other.run("ip", "link", "set", "eth0", "up")
        let moved = Lab.Host(space: other, v4: "10.77.1.60", v6: "")
        for _ in 0..<30 {
            #expect(try lab.isBlocked(moved, lab.b))
        }
        #expect(!program.errors.contains("the port has gone"), "\(program.errors)")
        let list = try Background(
            in: lab.node.space, ["quarantine", "list", "--state", scratch.path("state")])
        #expect(list.status == 0 && list.output.contains("port:p0"), "\(list.output)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    /// The node connects to a container at the port of an orchestrator's API.
    @Test func aPortNumberProtectsNoContainer() throws {
        let server = try Socket(lab.a, stream: true)
        try server.bind("0.0.0.0", 6443)
        try server.listen()
        let client = try Socket(lab.node, stream: true)
        #expect(client.connect(lab.a.v4, 6443))
        let program = try monitor()
        #expect(try isFencedForScanning(from: [lab.a.v4]), "\(program.errors)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }
}
