import Foundation
import TestKit
import Testing
import Timestamps

/// Policies of hosts and names that want to get around them.
@Suite(.serialized)
struct PolicyAttackTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    /// The packets of a UDP exchange, answered or not.
    static func exchange(
        _ from: String, _ to: String, _ port: UInt16, from source: UInt16 = 40_000, at second: Int,
        isAnswered: Bool = true
    ) -> [CaptureFile.Record] {
        func frame(_ from: String, _ to: String, _ ports: (UInt16, UInt16)) -> [UInt8] {
            let datagram = Frame.udp(ports.0, ports.1, [1, 2, 3])
            return from.contains(":")
                ? Frame.ethernet(0x86DD, Frame.ipv6(from, to, 17, datagram))
                : Frame.ethernet(0x0800, Frame.ipv4(from, to, 17, datagram))
        }
        let start = Timestamp(second: 1_700_000_000 + second)
        return [.init(start, frame(from, to, (source, port)))]
            + (isAnswered
                ? [.init(start + .milliseconds(1), frame(to, from, (port, source)))] : [])
    }

    /// A model of these exchanges, repeated for two minutes.
    static func train(
        _ contacts: [(String, String, UInt16)], inventory: String, in scratch: Scratch
    ) throws -> String {
        let records = stride(from: 0, to: 120, by: 2).flatMap { second in
            contacts.flatMap { from, to, port in
                exchange(from, to, port, from: UInt16(40_000 + second), at: second)
            }
        }
        let capture = try scratch.write("train.pcap", Data(CaptureFile.pcap(records)))
        let run = try Run(
            "train", "-r", capture, "--inventory", inventory, "-o", scratch.path("model"))
        #expect(run.status == 0, "\(run.errors)")
        return scratch.path("model")
    }

    private func check(_ model: String, _ records: [CaptureFile.Record]) throws -> Run {
        let capture = try scratch.write("check.pcap", Data(CaptureFile.pcap(records)))
        return try Run("policy", "check", "-m", model, "-r", capture, "--format", "json")
    }

    private func inventory(_ names: [String]) throws -> String {
        let workloads = names.enumerated().map { index, name in
            "  - {name: \"\(name)\", addresses: [10.9.0.\(index + 10)]}\n"
        }
        return try scratch.write(
            "inventory.yaml",
            Data(
                ("networks:\n  - {name: n, prefix: 10.9.0.0/24, gateway: 10.9.0.1}\nworkloads:\n"
                    + workloads.joined()).utf8))
    }

    /// From a privileged source port a request looks like an answer.
    @Test func aPrivilegedSourcePortHidesNoContact() throws {
        let model = try Self.train(
            [("10.9.0.10", "10.9.0.11", 53)], inventory: try inventory(["a", "b", "c"]),
            in: scratch)
        // A late answer of the server that was asked passes.
        let late = Self.exchange(
            "10.9.0.11", "10.9.0.10", 41_000, from: 53, at: 200, isAnswered: false)
        #expect(try check(model, late).status == 0)
        // The same from others, and from the server to another host, does not.
        for (from, to) in [("10.9.0.12", "10.9.0.10"), ("10.9.0.11", "10.9.0.12")] {
            let records = Self.exchange(from, to, 41_000, from: 53, at: 200, isAnswered: false)
            let run = try check(model, records)
            #expect(run.status == 3, "\(from) \(to): \(run.errors)")
        }
    }

    /// Names end no comment, quote or element of any format.
    @Test(.needsKernel)
    func namesOfWorkloadsChangeNoPolicy() throws {
        let names = [
            #"a\n}\nflush ruleset\ntable inet x {"#, #"b\\"#, #"c\"}, x: {"#, "d # \\r\\n- e",
            "'f': [", #"\u2028g\n---\nkind: Secret"#,
            #"h\u0085- i: \ufeff{{ x }} ${HOME} `id` $(id)"#,
        ]
        let model = try Self.train(
            (1..<names.count).map { ("10.9.0.10", "10.9.0.\(10 + $0)", 53) },
            inventory: try inventory(names), in: scratch)
        func export(_ format: String) throws -> String {
            let run = try Run("policy", "export", "-m", model, "--format", format)
            #expect(run.status == 0, "\(run.errors)")
            return run.output
        }
        let space = try Namespace("names")
        try space.run("nft", "add", "table", "inet", "canary")
        try space.run("nft", "-f", "-", input: try export("nft"))
        #expect(
            try space.run("nft", "list", "tables").split(separator: "\n") == [
                "table inet canary", "table inet lazaret_policy", "table bridge lazaret_policy",
            ])
        let script = """
            import sys, yaml, json
            print(json.dumps([[d.get("kind"), list(d)] for d in yaml.safe_load_all(sys.stdin)]))
            """
        func documents(_ format: String) throws -> [[Any]] {
            let said = try Namespace.command(
                ["/usr/bin/python3", "-c", script], input: try export(format))
            return try #require(
                try JSONSerialization.jsonObject(with: Data(said.utf8)) as? [[Any]])
        }
        let policies = try documents("kubernetes")
        #expect(policies.count == names.count)
        #expect(policies.allSatisfy { $0.first as? String == "NetworkPolicy" })
        let compose = try documents("compose")
        #expect(compose.first?.last as? [String] == ["services", "networks"])
    }
}

/// The script for nftables, loaded in a gateway of the test's own, judged by packets.
@Suite(.serialized, .needsKernel)
struct PolicyPacketTests {
    private static let inventory = """
        networks:
          - {name: one, prefix: 10.77.1.0/24, gateway: 10.77.1.1}
          - {name: two, prefix: 10.77.2.0/24, gateway: 10.77.2.1}
          - {name: one6, prefix: fd77:1::/64, gateway: fd77:1::1}
          - {name: two6, prefix: fd77:2::/64, gateway: fd77:2::1}
        workloads:
          - {name: a, addresses: [10.77.1.10, "fd77:1::10"]}
          - {name: b, addresses: [10.77.1.11, "fd77:1::11"]}
          - {name: bystander, addresses: [10.77.1.12, "fd77:1::12"]}
          - {name: c, addresses: [10.77.2.10, "fd77:2::10"]}

        """

    /// Whether a datagram of three fragments of one host reaches the other.
    private func reachesInFragments(_ from: Lab.Host, _ to: Lab.Host, v6: Bool) throws -> Bool {
        let text = String(repeating: "x", count: 4000)
        let receiver = try Socket(to, v6: v6)
        try receiver.bind(v6 ? "::" : "0.0.0.0", 4000)
        try receiver.wait(seconds: 1)
        let sender = try Socket(from, v6: v6)
        return eventually {
            sender.send(text, to: to.address(v6), 4000)
            return receiver.receive() == text
        }
    }

    /// Whether bridged frames pass the inet tables or only the bridge table.
    @Test(arguments: [true, false])
    func allowedPairsPassAndOthersDoNot(bridgeCallsFirewall: Bool) throws {
        let scratch = try Scratch()
        let lab = try Lab(bridgeCallsFirewall: bridgeCallsFirewall)
        let (a, b, c) = (lab.a, lab.b, lab.c)
        // Between bridges, on one bridge, from and to outside, and to the node.
        let allowed = [
            (a, c), (a, b), (lab.outside, c), (b, lab.outside), (lab.bystander, lab.node),
        ]
        let contacts = allowed.flatMap { from, to in
            [(from.v4, to.v4, UInt16(4000)), (from.v6, to.v6, UInt16(4000))]
        }
        let model = try PolicyAttackTests.train(
            contacts, inventory: try scratch.write("inventory", Data(Self.inventory.utf8)),
            in: scratch)
        let script = scratch.path("policy.nft")
        let run = try Run("policy", "export", "-m", model, "--format", "nft", "-o", script)
        #expect(run.status == 0, "\(run.errors)")
        let blocked = [
            (c, a), (b, a), (lab.bystander, b), (b, c), (lab.outside, a), (a, lab.outside),
            (a, lab.node), (c, lab.outside),
        ]
        // Without the policy everything passes.
        for (from, to) in allowed + blocked {
            for v6 in [false, true] { #expect(try lab.reaches(from, to, v6: v6)) }
        }
        try lab.node.space.run("nft", "-c", "-f", script)
        try lab.node.space.run("nft", "-f", script)
        for v6 in [false, true] {
            for (from, to) in allowed {
                #expect(try lab.reaches(from, to, v6: v6), "\(from.v4) \(to.v4) \(v6)")
            }
            for (from, to) in [(a, b), (a, c)] {
                #expect(try reachesInFragments(from, to, v6: v6), "\(to.v4) \(v6)")
            }
            for (from, to) in blocked {
                #expect(try lab.isBlocked(from, to, v6: v6), "\(from.v4) \(to.v4) \(v6)")
            }
        }
        // What the node itself sends is not judged, and undoing it takes the line in its head.
        #expect(try lab.reaches(lab.node, a))
        let head = try String(contentsOfFile: script, encoding: .utf8)
        let undo = try #require(head.firstMatch(of: /# Undo:\s+(.*)/)?.1)
        try lab.node.space.run("sh", "-c", String(undo))
        for (from, to) in blocked { #expect(try lab.reaches(from, to)) }
    }
}
