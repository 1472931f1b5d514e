import Foundation
import NetworkAddresses
import ProtectedAddresses
import Quarantine
import TestKit
import Testing
import Timestamps

@testable import Enforcement

@Suite(.needsKernel)
struct DiscoveryTests {
    @Test func protectedAddressesAreDiscovered() throws {
        let lab = try Lab()
        let node = lab.node.space
        try node.run("ip", "route", "add", "default", "via", "10.77.9.20")
        try node.run(
            "ip", "neigh", "add", "10.77.9.20", "lladdr", "02:00:00:00:00:99", "dev", "uplink")
        try node.run(
            "ip", "-6", "route", "add", "fd99::/64", "nexthop", "via", "fd77:9::10", "nexthop",
            "via", "fd77:9::11")
        // A login from outside, and a connection of this node to an orchestrator's API.
        let door = try Socket(lab.node, stream: true)
        try door.bind("0.0.0.0", 22)
        try door.listen()
        let operatorSide = try Socket(lab.outside, stream: true)
        try #require(operatorSide.connect("10.77.9.1", 22))
        let login = try door.accept()
        let api = try Socket(lab.c, stream: true)
        try api.bind("0.0.0.0", 6443)
        try api.listen()
        let kubelet = try Socket(lab.node, stream: true)
        try #require(kubelet.connect(lab.c.v4, 6443))

        let resolvers = NSTemporaryDirectory() + "lztest-\(UUID().uuidString).conf"
        try "# x\nnameserver 10.77.2.53\nnameserver fe80::53%br1\nsearch a\n".write(
            toFile: resolvers, atomically: true, encoding: .utf8)
        defer { try? FileManager.default.removeItem(atPath: resolvers) }
        var discovery = ProtectedDiscovery()
        discovery.resolverFiles = [resolvers, "/nowhere"]
        discovery.named = [.init(prefix("192.0.2.0/24"), reason: "monitoring")]
        discovery.environment = [
            "SSH_CONNECTION": "192.0.2.200 5 10.0.0.1 22", "KUBERNETES_SERVICE_HOST": "10.96.0.1",
        ]
        // The login is recorded.
        let records = try Scratch()
        try records.write("7", Data("UID=0\nREMOTE=1\nREMOTE_HOST=\(lab.outside.v4)\n".utf8))
        discovery.logins.directory = records.path("")
        discovery.logins.file = "/nowhere"
        let found = try node.inside { try discovery.discover() }
        func reason(_ text: String) -> String? { found.protected.objection(to: target(text)) }
        #expect(reason("10.77.1.1") == "10.77.1.1 is protected: address of br1 on this node")
        #expect(reason("fd77:2::1")?.contains("address of br2") == true)
        #expect(reason("10.77.2.53")?.contains("resolver") == true)
        #expect(reason("fe80::53")?.contains("resolver") == true)
        #expect(reason("fd77:9::11")?.contains("gateway of a route") == true)
        #expect(reason("02:00:00:00:00:99")?.contains("gateway 10.77.9.20") == true)
        #expect(reason("192.0.2.7")?.contains("monitoring") == true)
        #expect(reason("10.96.0.1")?.contains("orchestrator's API") == true)
        #expect(reason(lab.c.v4)?.contains("orchestrator's API") == true)
        #expect(found.protected.entries.contains { $0.reason == "logged in through SSH" })
        #expect(found.protected.entries.contains { $0.reason == "the operator's own session" })
        #expect(reason("10.77.9.20")?.contains("default gateway") == true)
        #expect(reason("10.77.1.10") == nil && reason("10.77.1.0/24") != nil)
        #expect(found.ownAddresses.contains { $0.isLinkLocal })
        _ = login

        // Who only opened a connection is not an operator, until it has lasted.
        let knocker = try Socket(lab.a, stream: true)
        try #require(knocker.connect("10.77.9.1", 22))
        let knock = try door.accept()
        let early = try node.inside { try discovery.discover() }.protected
        #expect(early.objection(to: target(lab.a.v4)) == nil)
        discovery.loginTime = .milliseconds(1)
        Thread.sleep(forTimeInterval: 0.01)
        let before = try node.inside { try discovery.discover() }.protected
        #expect(before.objection(to: target(lab.a.v4))?.contains("SSH") == true)
        // A container is not one in any case.
        discovery.containers = [prefix("10.77.1.0/24")]
        let after = try node.inside { try discovery.discover() }.protected
        #expect(after.objection(to: target(lab.a.v4)) == nil)
        #expect(after.entries.contains { $0.reason == "logged in through SSH" })
        // Nor is somebody the orchestrator who connects from its port.
        let pretender = try Socket(lab.bystander, stream: true)
        try pretender.bind("0.0.0.0", 6443)
        try #require(pretender.connect("10.77.9.1", 22))
        let pretence = try door.accept()
        let last = try node.inside { try discovery.discover() }.protected
        #expect(last.objection(to: target(lab.bystander.v4))?.contains("API") != true)
        #expect(last.objection(to: target(lab.c.v4))?.contains("API") == true)
        _ = (knock, pretence)
    }

    /// The node has not sent anything to its gateways yet, so its kernel does not know their MAC
    /// addresses: they are asked for, once for each gateway of a route.
    @Test func theKernelResolvesGatewaysOnce() throws {
        let lab = try Lab()
        let node = lab.node.space
        let router = try lab.card(of: lab.outside)
        try node.run("ip", "route", "add", "default", "via", lab.outside.v4)
        try node.run("ip", "-6", "route", "add", "fd99::/64", "via", lab.outside.v6)
        // The router's kernel does not tell the node its MAC address, neither by a router
        // solicitation nor by a check of its own entry for the node.
        for setting in [
            "ipv6.conf.eth0.accept_ra=0", "ipv4.neigh.eth0.delay_first_probe_time=3600",
            "ipv6.neigh.eth0.delay_first_probe_time=3600",
        ] {
            try lab.outside.space.run("sysctl", "-qw", "net.\(setting)")
        }
        // A neighbour solicitation needs a link-local address that was checked for duplicates.
        let isReady = try eventually {
            try node.run("ip", "-6", "addr", "show", "dev", "uplink", "tentative").isEmpty
        }
        try #require(isReady)
        try node.run("ip", "neigh", "flush", "dev", "uplink")
        func neighbours() throws -> String {
            try node.run("ip", "neigh", "show", "dev", "uplink")
        }
        var discovery = ProtectedDiscovery()
        discovery.resolverFiles = []
        let silent = try node.inside { try discovery.discover() }.protected
        #expect(silent.objection(to: target(router)) == nil)
        #expect(try !neighbours().contains(router))

        discovery.resolvesGateways = true
        let found = try node.inside { try discovery.discover() }.protected
        let objection = found.objection(to: target(router))
        #expect(objection?.contains("network card of gateway") == true, "\(objection ?? "")")
        let known = try neighbours()
        #expect(known.contains(lab.outside.v4) && known.contains(lab.outside.v6), "\(known)")
        #expect(known.split(separator: "\n").count == 2, "only gateways: \(known)")

        // It is asked once, until the route is another.
        try node.run("ip", "neigh", "flush", "dev", "uplink")
        _ = try node.inside { try discovery.discover() }
        #expect(try !neighbours().contains(router))
        try node.run("ip", "route", "del", "default")
        _ = try node.inside { try discovery.discover() }
        try node.run("ip", "route", "add", "default", "via", lab.outside.v4)
        let again = try node.inside { try discovery.discover() }.protected
        #expect(again.objection(to: target(router))?.contains(lab.outside.v4) == true)
    }

    /// A gateway that does not answer holds discovery up for a tenth of a second, once.
    @Test func aSilentGatewayIsNotWaitedForAgain() throws {
        let lab = try Lab()
        let node = lab.node.space
        try node.run("ip", "route", "add", "default", "via", "10.77.9.99")
        var discovery = ProtectedDiscovery()
        discovery.resolverFiles = []
        discovery.resolvesGateways = true
        let found = try node.inside { try discovery.discover() }.protected
        #expect(found.objection(to: target("10.77.9.99"))?.contains("default gateway") == true)
        func hasFailed() throws -> Bool {
            try node.run("ip", "neigh", "show", "10.77.9.99", "dev", "uplink").contains("FAILED")
        }
        // The kernel gives up in the meantime, and is not asked again.
        #expect(try eventually { try hasFailed() })
        _ = try node.inside { try discovery.discover() }
        #expect(try hasFailed())
    }

    @Test func addressesInConnectionTablesAreParsed() throws {
        let four = try #require(ProtectedDiscovery.end("0100007F:0016"))
        #expect(four.0.description == "127.0.0.1" && four.1 == 22)
        let six = try #require(ProtectedDiscovery.end("B80D0120000000000000000001000000:192B"))
        #expect(six.0.description == "2001:db8::1" && six.1 == 6443)
        #expect(ProtectedDiscovery.end("xyz") == nil)
    }

    @Test(.needs("conntrack"))
    func trackedConnectionsAreDeletedOnRequest() throws {
        let lab = try Lab()
        try lab.node.space.run("nft", "add table inet t")
        try lab.node.space.run(
            "nft", "add chain inet t c { type filter hook forward priority 0; }")
        try lab.node.space.run("nft", "add rule inet t c ct state new accept")
        let receiver = try Socket(lab.c)
        try receiver.bind("0.0.0.0", 4000)
        for host in [lab.a, lab.b] {
            try Socket(host).send("x", to: lab.c.v4, 4000)
            #expect(receiver.receive() == "x")
        }
        func entries(_ host: Lab.Host) throws -> Int {
            try lab.node.space.run("conntrack", "-L", "-s", host.v4).split(separator: "\n")
                .count { $0.contains("udp") }
        }
        #expect(try entries(lab.a) == 1 && entries(lab.b) == 1)
        var options = FirewallOptions()
        options.flushesConnections = true
        var firewall = try lab.node.space.firewall(options)
        try firewall.apply([.put(rule(lab.a.v4))], now: .epoch)
        #expect(try entries(lab.a) == 0 && entries(lab.b) == 1)
    }
}

@Suite(.needsKernel)
struct WatchTests {
    @Test func changesByOtherProgramsAreReportedAndOursAreNot() throws {
        let space = try Namespace()
        var firewall = try space.firewall()
        var made: RulesetMonitor?
        let port = firewall.port
        try space.inside { made = try RulesetMonitor(ignoring: [port]) }
        guard var watch = made.take() else { throw CommandFailed(description: "no watch") }
        try firewall.apply([.put(rule("10.0.0.2"))], now: .epoch)
        #expect(try watch.wait(milliseconds: 50) == nil)
        try space.run("nft", "add table ip other")
        #expect(try watch.wait(milliseconds: 50) == nil)
        try space.run("nft", "delete element inet lazaret drop_host4 { 10.0.0.2 }")
        let small = try #require(try next(&watch))
        #expect(small.program == "nft" && !small.isStructural && !small.isUncertain)
        try space.run("nft", "flush ruleset")
        let large = try #require(try next(&watch))
        #expect(large.program == "nft" && large.isStructural && large.process ?? 0 > 0)
    }

    private func next(_ watch: inout RulesetMonitor) throws -> RulesetChange? {
        var found: RulesetChange?
        _ = try eventually {
            found = try watch.wait(milliseconds: 100)
            return found != nil
        }
        return found
    }
}
