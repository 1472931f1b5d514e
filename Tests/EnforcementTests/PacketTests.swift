import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing

@testable import Enforcement
import Timestamps

/// Real packets between namespaces on one bridge and on two.
@Suite(.needsKernel)
struct PacketTests {
    /// Whether a datagram from one host reaches the other.
    ///
    /// - Parameter sentinel: sends to the same socket afterwards; when its datagram arrives, a
    ///   missing one is not merely late. Without one, the wait is short.
    func reaches(
        _ from: Lab.Host, _ to: Lab.Host, v6: Bool = false, port: UInt16 = 4000,
        sentinel: Lab.Host? = nil, expected: Bool
    ) throws -> Bool {
        let receiver = try Socket(to, v6: v6)
        try receiver.bind(v6 ? "::" : "0.0.0.0", port)
        let sender = try Socket(from, v6: v6)
        sender.send("probe", to: to.address(v6), port)
        if expected { return receiver.receive() == "probe" }
        // A datagram that passes arrives at once.
        guard let sentinel else { return try receiver.receives(within: 0.15) }
        let witness = try Socket(sentinel, v6: v6)
        witness.send("sentinel", to: to.address(v6), port)
        return receiver.receive() != "sentinel"
    }

    @Test(arguments: [false, true])
    func aFenceAtAPortHoldsWhateverIsBehindItBears(bridgeCallsFirewall: Bool) throws {
        let lab = try Lab(bridgeCallsFirewall: bridgeCallsFirewall)
        var firewall = try lab.node.space.firewall()
        let others = [lab.b, lab.c, lab.outside, lab.node]
        try firewall.apply([.put(rule("port:p0"))], now: .epoch)
        func check(_ host: Lab.Host, isOpen: Bool) throws {
            for v6 in [false, true] {
                for other in others {
                    #expect(
                        try reaches(
                            host, other, v6: v6, sentinel: isOpen ? nil : lab.bystander,
                            expected: isOpen) == isOpen, "to \(other.v4)")
                    #expect(try reaches(other, host, v6: v6, expected: isOpen) == isOpen)
                    #expect(
                        try other.v4 == lab.b.v4
                            || reaches(lab.bystander, other, v6: v6, expected: true))
                }
            }
        }
        try check(lab.a, isOpen: false)
        // Another MAC address and other IP addresses, which a container is able to set itself.
        var other = lab.a
        (other.v4, other.v6) = ("10.77.1.66", "fd77:1::66")
        try lab.a.space.run("ip", "link", "set", "eth0", "address", "02:00:00:00:00:66")
        try lab.a.space.run("ip", "addr", "add", "10.77.1.66/24", "dev", "eth0")
        try lab.a.space.run("ip", "addr", "add", "fd77:1::66/64", "dev", "eth0", "nodad")
        try check(other, isOpen: false)
        #expect(try firewall.elements().map(\.target) == [target("port:p0")])
        #expect(try firewall.elements()[0].packets > 0)
        try firewall.apply([.remove(rule("port:p0").key)], now: .epoch)
        #expect(try eventually { try reaches(other, lab.b, expected: true) })
    }

    @Test(arguments: [false, true])
    func aFenceBlocksBothDirectionsUntilItExpires(bridgeCallsFirewall: Bool) throws {
        let lab = try Lab(bridgeCallsFirewall: bridgeCallsFirewall)
        var firewall = try lab.node.space.firewall()
        let others = [
            ("neighbour", lab.b), ("other bridge", lab.c), ("outside", lab.outside),
            ("node", lab.node),
        ]
        func check(isOpen: Bool) throws {
            for v6 in [false, true] {
                for (name, other) in others {
                    #expect(
                        try reaches(
                            lab.a, other, v6: v6, sentinel: lab.bystander, expected: isOpen)
                            == isOpen, "a to \(name), v6 \(v6), open \(isOpen)")
                    #expect(
                        try reaches(other, lab.a, v6: v6, expected: isOpen) == isOpen,
                        "\(name) to a, v6 \(v6), open \(isOpen)")
                    #expect(
                        try name == "neighbour"
                            || reaches(lab.bystander, other, v6: v6, expected: true))
                }
            }
        }
        try check(isOpen: true)
        // An established connection.
        let server = try Socket(lab.b, stream: true)
        try server.bind("0.0.0.0", 5000)
        try server.listen()
        let client = try Socket(lab.a, stream: true)
        try #require(client.connect(lab.b.v4, 5000))
        let served = try server.accept()
        client.write("before")
        #expect(served.receive() == "before")

        let fenced = [rule(lab.a.v4), rule(lab.a.v6)]
        try firewall.apply(fenced.map(FirewallChange.put), now: .epoch)
        try check(isOpen: false)
        client.write("during")
        #expect(try !served.receives(within: 0.3))
        let held = try firewall.elements()
        #expect(held.count == 2 && held.allSatisfy { $0.packets > 3 && $0.bytes > 100 })

        try firewall.apply(fenced.map { .remove($0.key) }, now: .epoch)
        // TCP retransmits lost segments, after a time that varies.
        try served.wait(seconds: patience)
        #expect(served.receive() == "during")
        try check(isOpen: true)
    }

    @Test(arguments: [false, true])
    func aPrefixFencesAllItsHosts(bridgeCallsFirewall: Bool) throws {
        let lab = try Lab(bridgeCallsFirewall: bridgeCallsFirewall)
        var firewall = try lab.node.space.firewall()
        #expect(try reaches(lab.a, lab.bystander, expected: true))
        #expect(try reaches(lab.a, lab.c, v6: true, expected: true))
        // .8/30 contains a and b, not the bystander.
        try firewall.apply([.put(rule("10.77.1.8/30")), .put(rule("fd77:1::8/125"))], now: .epoch)
        #expect(try !reaches(lab.a, lab.bystander, sentinel: lab.c, expected: false))
        #expect(try !reaches(lab.b, lab.c, sentinel: lab.bystander, expected: false))
        #expect(try !reaches(lab.outside, lab.b, expected: false))
        #expect(
            try reaches(lab.a, lab.c, v6: true, sentinel: lab.bystander, expected: false) == true)
        #expect(try reaches(lab.bystander, lab.c, expected: true))
    }

    @Test func aHostThatIsFencedAgainCountsFromZero() throws {
        let lab = try Lab()
        var engine = try lab.node.space.engine(MemoryLedger())
        func packets() throws -> UInt64 {
            let offender = target(lab.a.v4)
            let listed = try engine.list(now: Clock.now()).rules.first {
                $0.rule.target == offender
            }
            guard let listed else { throw CommandFailed(description: "not fenced") }
            return listed.packets
        }
        func add(_ seconds: Int64) throws {
            let outcome = try engine.add(
                target(lab.a.v4), action: .drop, duration: .seconds(seconds), reason: "r",
                now: Clock.now(),
                actor: "me", force: false)
            #expect(outcome.failure == nil)
        }
        func expectBlocked() throws {
            #expect(try !reaches(lab.a, lab.b, sentinel: lab.bystander, expected: false))
        }
        #expect(try reaches(lab.a, lab.b, expected: true))
        try add(60)
        try expectBlocked()
        let first = try packets()
        #expect(first >= 1)
        // The count continues after an extension and a reconciliation.
        try add(600)
        #expect(try engine.reconcile(now: Clock.now(), cause: "again").isClean)
        try expectBlocked()
        #expect(try packets() > first)
        _ = try engine.release(target(lab.a.v4), reason: "r", now: Clock.now(), actor: "me")
        // Long enough for the next three lines.
        try add(15)
        #expect(try packets() == 0)
        try expectBlocked()
        #expect(try packets() >= 1)
        let isOver = try eventually { try !engine.expire(now: Clock.now()).isEmpty }
        #expect(isOver)
        let isGone = try eventually { try engine.actuator.elements().isEmpty }
        #expect(isGone)
        try add(60)
        #expect(try packets() == 0)
        // A crash before the end was recorded: the next start corrects it.
        try expectBlocked()
        var firewall = try lab.node.space.firewall()
        try firewall.apply([.remove(rule(lab.a.v4).key)], now: Clock.now())
        var next = try lab.node.space.engine(MemoryLedger())
        _ = try next.reconcile(now: Clock.now(), cause: "start")
        try firewall.apply([.put(rule(lab.a.v4))], now: .epoch)
        #expect(try #require(firewall.elements().first).packets == 0)
    }

    @Test func packetsAreDroppedEvenWithoutACounter() throws {
        let lab = try Lab(bridgeCallsFirewall: false)
        var firewall = try lab.node.space.firewall()
        try firewall.install()
        // As if 65,535 other hosts had been counted already.
        for family in ["inet", "bridge"] {
            let all = (0..<65_535).map { "11.\($0 / 65_536).\($0 / 256 % 256).\($0 % 256)" }
            try lab.node.space.run(
                "nft", "-f", "-",
                input: "add element \(family) lazaret drop_seen4 { \(all.joined(separator: ",")) }")
        }
        try firewall.apply([.put(rule(lab.a.v4))], now: .epoch)
        #expect(try !reaches(lab.a, lab.b, sentinel: lab.bystander, expected: false))
        #expect(try !reaches(lab.outside, lab.a, expected: false))
        #expect(try #require(firewall.elements().first).packets == 0)
        try firewall.forgetCounts { _ in false }
        // A counter needs a cell for each processor. The kernel allocates it from a small reserve,
        // because it cannot wait there. If the reserve is empty, the packet is dropped without
        // being counted, and a worker refills the reserve: later packets are counted.
        let isCounting = try eventually {
            #expect(try !reaches(lab.a, lab.b, sentinel: lab.bystander, expected: false))
            return try #require(firewall.elements().first).packets >= 1
        }
        #expect(isCounting)
    }

    @Test func theKernelEndsTheFenceWithoutTheProgram() throws {
        let lab = try Lab()
        var firewall = try lab.node.space.firewall()
        #expect(try reaches(lab.a, lab.b, expected: true))
        try firewall.apply(
            [.put(QuarantineRule(target: target(lab.a.v4), expires: Timestamp(second: 10)))],
            now: .epoch)
        #expect(try !reaches(lab.a, lab.b, sentinel: lab.bystander, expected: false))
        let isOver = try eventually { try firewall.elements().isEmpty }
        #expect(isOver)
        #expect(try reaches(lab.a, lab.b, expected: true))
    }

    @Test func publishedPortsAndTranslatedRepliesAreFencedToo() throws {
        let lab = try Lab()
        try lab.node.space.run(
            "nft", "-f", "-",
            input: """
                add table ip nat
                add chain ip nat pre { type nat hook prerouting priority dstnat; }
                add chain ip nat post { type nat hook postrouting priority srcnat; }
                add rule ip nat pre ip daddr 10.77.9.1 udp dport 8080 dnat to 10.77.1.10:4000
                add rule ip nat post ip saddr 10.77.1.0/24 oifname uplink masquerade

                """)
        var firewall = try lab.node.space.firewall()
        let receiver = try Socket(lab.a)
        try receiver.bind("0.0.0.0", 4000)
        let sender = try Socket(lab.outside)
        sender.send("one", to: "10.77.9.1", 8080)
        #expect(receiver.receive() == "one")
        // A masqueraded request of the offender; its answer arrives at the node's address.
        let asker = try Socket(lab.a)
        try asker.bind("0.0.0.0", 4001)
        let answerer = try Socket(lab.outside)
        try answerer.bind("0.0.0.0", 4002)
        asker.send("question", to: lab.outside.v4, 4002)
        #expect(answerer.receive() == "question")
        try firewall.apply([.put(rule(lab.a.v4))], now: .epoch)
        sender.send("two", to: "10.77.9.1", 8080)
        answerer.send("answer", to: "10.77.9.1", 4001)
        #expect(try !receiver.receives(within: 0.3))
        #expect(try !asker.receives(within: 0.1))
        #expect(try #require(firewall.elements().first).packets >= 2)
    }

    /// Rules as kube-proxy, netavark and firewalld create them: a service address in front of a
    /// workload, an isolated forward chain, and a table with its own verdicts.
    private static let rulesOfOthers = """
        table ip nat {
            chain KUBE-SEP { ip saddr 10.77.1.11 meta mark set meta mark or 0x4000; meta l4proto \
            udp dnat to 10.77.1.11:4000; }
            chain KUBE-SVC { jump KUBE-SEP; }
            chain KUBE-SERVICES { ip daddr 10.96.0.10 udp dport 53 jump KUBE-SVC; }
            chain PREROUTING { type nat hook prerouting priority dstnat; policy accept; jump \
            KUBE-SERVICES; }
            chain OUTPUT { type nat hook output priority -100; policy accept; jump KUBE-SERVICES; }
            chain NETAVARK { ip daddr 10.77.1.0/24 accept; ip daddr != 224.0.0.0/4 ip saddr \
            10.77.1.0/24 oifname uplink masquerade; }
            chain POSTROUTING { type nat hook postrouting priority srcnat; policy accept; meta \
            mark and 0x4000 == 0x4000 masquerade; jump NETAVARK; }
        }
        table ip filter {
            chain NETAVARK_FORWARD { ip daddr 10.77.1.0/24 accept; ip saddr 10.77.1.0/24 accept; \
            ip saddr 10.77.2.0/24 accept; }
            chain FORWARD { type filter hook forward priority filter; policy drop; jump \
            NETAVARK_FORWARD; }
        }
        table inet firewalld {
            chain filter_FORWARD { type filter hook forward priority filter + 10; policy accept; \
            ct state established,related accept; }
            chain filter_INPUT { type filter hook input priority filter + 10; policy accept; ct \
            state invalid drop; }
        }

        """

    @Test func fencesWorkWithTheRulesOfOtherProgramsUnchanged() throws {
        let lab = try Lab()
        try lab.node.space.run("nft", "-f", "-", input: Self.rulesOfOthers)
        // The node needs a route to a service address before it is translated.
        try lab.node.space.run("ip", "route", "add", "default", "via", lab.outside.v4)
        func others() throws -> [String] {
            try ["ip nat", "ip filter", "inet firewalld"].map { table in
                let words = table.split(separator: " ").map(String.init)
                return try lab.node.space.run("nft", "-s", "list", "table", words[0], words[1])
            }
        }
        func asks(_ host: Lab.Host, isOpen: Bool = true) throws -> Bool {
            let receiver = try Socket(lab.b)
            try receiver.bind("0.0.0.0", 4000)
            let sender = try Socket(host)
            sender.send("question", to: "10.96.0.10", 53)
            return try receiver.receives(within: isOpen ? patience : 0.5)
        }
        let before = try others()
        #expect(try asks(lab.c) && asks(lab.node))
        var firewall = try lab.node.space.firewall()
        // The target is also found behind a service address.
        try firewall.apply([.put(rule(lab.b.v4))], now: .epoch)
        #expect(try !asks(lab.c, isOpen: false) && !asks(lab.node, isOpen: false))
        try firewall.apply([.remove(rule(lab.b.v4).key), .put(rule(lab.c.v4))], now: .epoch)
        #expect(try !asks(lab.c, isOpen: false))
        #expect(try asks(lab.node))
        try firewall.apply([.remove(rule(lab.c.v4).key)], now: .epoch)
        #expect(try asks(lab.c))
        #expect(try others() == before)
    }

    @Test(arguments: [false, true])
    func protectedServicesStayReachable(v6: Bool) throws {
        let lab = try Lab(bridgeCallsFirewall: false)
        var options = FirewallOptions()
        let resolver = prefix(lab.b.address(v6)).address
        let forensic = prefix(lab.outside.address(v6)).address
        options.kept = [
            KeptService(name: "DNS", address: resolver, port: .init(.udp, 53)),
            KeptService(name: "forensic host", address: forensic),
        ]
        // The node queries its neighbours from its link-local address.
        let own = try lab.node.space.run("ip", "-6", "-o", "addr", "show", "br1", "scope", "link")
        let linkLocal = try #require(own.firstMatch(of: /inet6 ([^\/]+)\//)).1
        options.keptNeighbours = [
            prefix(lab.node.address(v6)).address, prefix(String(linkLocal)).address,
        ]
        var firewall = try lab.node.space.firewall(options)
        try firewall.apply([.put(rule(lab.a.address(v6)))], now: .epoch)
        let server = try Socket(lab.b, v6: v6)
        try server.bind(lab.b.address(v6), 53)
        let client = try Socket(lab.a, v6: v6)
        try client.bind(lab.a.address(v6), 5353)
        client.send("question", to: lab.b.address(v6), 53)
        #expect(server.receive() == "question")
        server.send("answer", to: lab.a.address(v6), 5353)
        #expect(client.receive() == "answer")
        #expect(try reaches(lab.outside, lab.a, v6: v6, expected: true))
        #expect(try reaches(lab.a, lab.outside, v6: v6, expected: true))
        #expect(
            try !reaches(lab.a, lab.b, v6: v6, sentinel: lab.bystander, expected: false))
        #expect(try !reaches(lab.a, lab.c, v6: v6, sentinel: lab.bystander, expected: false))
    }
}
