import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing
import Timestamps

@testable import Enforcement

/// The effect of each response on packets, for addresses and for MAC addresses.
extension PacketTests {
    @Test func aSpooferIsFencedByItsMACAddress() throws {
        let lab = try Lab(bridgeCallsFirewall: false)
        var firewall = try lab.node.space.firewall()
        try lab.a.space.run("ip", "addr", "add", "10.77.1.99/24", "dev", "eth0")
        let receiver = try Socket(lab.b)
        try receiver.bind("0.0.0.0", 4000)
        let spoofer = try Socket(lab.a)
        try spoofer.bind("10.77.1.99", 4001)
        spoofer.send("borrowed", to: lab.b.v4, 4000)
        #expect(receiver.receive() == "borrowed")
        let shown = try lab.a.space.run("ip", "-o", "link", "show", "eth0")
        let link = try #require(shown.firstMatch(of: /link\/ether (\S+)/)).1
        try firewall.apply([.put(rule(String(link)))], now: .epoch)
        spoofer.send("borrowed", to: lab.b.v4, 4000)
        spoofer.send("borrowed", to: lab.c.v4, 4000)
        let witness = try Socket(lab.bystander)
        witness.send("sentinel", to: lab.b.v4, 4000)
        #expect(receiver.receive() == "sentinel")
        #expect(try #require(firewall.elements().first).packets >= 2)
        #expect(try !reaches(lab.b, lab.a, expected: false))
    }

    @Test(arguments: [QuarantineRule.Action.observe, .limit, .egress])
    func eachResponseAppliesToAMACAddress(response: QuarantineRule.Action) throws {
        let lab = try Lab(bridgeCallsFirewall: false)
        var options = FirewallOptions()
        options.limitPacketsPerSecond = 10
        var firewall = try lab.node.space.firewall(options)
        #expect(try reaches(lab.a, lab.b, expected: true))
        let shown = try lab.a.space.run("ip", "-o", "link", "show", "eth0")
        let link = try #require(shown.firstMatch(of: /link\/ether (\S+)/)).1
        let fence = rule(String(link), 600, response)
        try firewall.apply([.put(fence)], now: .epoch)
        let receiver = try Socket(lab.b)
        try receiver.bind("0.0.0.0", 4000)
        let sender = try Socket(lab.a)
        for _ in 0..<100 { sender.send("x", to: lab.b.v4, 4000) }
        try Socket(lab.bystander).send("sentinel", to: lab.b.v4, 4000)
        var arrived = 0
        while receiver.receive() == "x" { arrived += 1 }
        switch response {
        case .observe: #expect(arrived == 100)
        case .limit: #expect(arrived > 0 && arrived < 100)
        case .egress, .drop, .protect: #expect(arrived == 0)
        }
        let held = try #require(firewall.elements().first)
        #expect(held.action == response.applied(to: fence.target))
        #expect(
            held.isComplete && held.packets >= UInt64(100 - (response == .observe ? 0 : arrived)))
        #expect(firewall.expected([fence], now: .epoch).keys.map(\.action) == [held.action])
        try firewall.apply([.remove(fence.key)], now: .epoch)
        #expect(try firewall.elements().isEmpty)
    }

    @Test(arguments: [false, true])
    func egressAllowsConnectionsThatTheTargetInitiates(isSameBridge: Bool) throws {
        let lab = try Lab(bridgeCallsFirewall: true)
        var firewall = try lab.node.space.firewall()
        let other = isSameBridge ? lab.b : lab.c
        try firewall.apply([.put(rule(lab.a.v4, 600, .egress))], now: .epoch)
        let client = try Socket(lab.a)
        try client.bind(lab.a.v4, 4001)
        let server = try Socket(other)
        try server.bind(other.v4, 4002)
        client.send("question", to: other.v4, 4002)
        #expect(server.receive() == "question")
        server.send("answer", to: lab.a.v4, 4001)
        #expect(client.receive() == "answer")
        #expect(try !reaches(other, lab.a, port: 4003, expected: false))
        let door = try Socket(lab.a, stream: true)
        try door.bind(lab.a.v4, 5000)
        try door.listen()
        let caller = try Socket(other, stream: true)
        try caller.wait(seconds: 0.3)
        #expect(!caller.connect(lab.a.v4, 5000))
        #expect(try #require(firewall.elements().first).packets >= 2)
    }

    @Test func egressOnOneBridgeWorksWithoutConnectionTracking() throws {
        let lab = try Lab(bridgeCallsFirewall: false)
        var firewall = try lab.node.space.firewall()
        try firewall.apply([.put(rule(lab.a.v4, 600, .egress))], now: .epoch)
        for (from, to, isOpen) in [(lab.a, lab.b, true), (lab.b, lab.a, false)] {
            let door = try Socket(to, stream: true)
            try door.bind(to.v4, 5000)
            try door.listen()
            let caller = try Socket(from, stream: true)
            try caller.wait(seconds: isOpen ? patience : 0.3)
            #expect(caller.connect(to.v4, 5000) == isOpen)
        }
    }

    /// New connections to a protected target are limited, whoever opens them; others are not.
    @Test(arguments: [false, true])
    func protectLimitsNewConnectionsToTheTarget(isSameBridge: Bool) throws {
        let lab = try Lab(bridgeCallsFirewall: true)
        var options = FirewallOptions()
        options.protectedConnectionsPerSecond = 10
        var firewall = try lab.node.space.firewall(options)
        let other = isSameBridge ? lab.bystander : lab.c
        let rule = rule(lab.b.v4, 600, .protect)
        try firewall.apply([.put(rule)], now: .epoch)
        let receiver = try Socket(lab.b)
        try receiver.bind("0.0.0.0", 4000)
        // A flow is new until it is answered.
        let old = try Socket(other)
        try old.bind("0.0.0.0", 4001)
        old.send("old", to: lab.b.v4, 4000)
        #expect(receiver.receive() == "old")
        receiver.send("answer", to: other.v4, 4001)
        #expect(old.receive() == "answer")
        for _ in 0..<100 { try Socket(other).send("new", to: lab.b.v4, 4000) }
        for _ in 0..<100 { old.send("old", to: lab.b.v4, 4000) }
        old.send("end", to: lab.b.v4, 4000)
        var arrived: [String] = []
        while let text = receiver.receive(), text != "end" { arrived.append(text) }
        #expect(arrived.count { $0 == "old" } == 100)
        let new = arrived.count { $0 == "new" }
        #expect(new >= 1 && new < 100)
        // What the target opens, and what is sent to others.
        #expect(try reaches(lab.b, other, expected: true))
        #expect(try reaches(other, lab.a, expected: true))
        let held = try #require(firewall.elements().first)
        #expect(held.key == rule.key && held.isComplete && held.packets >= UInt64(100 - new))
        try firewall.apply([.remove(rule.key)], now: .epoch)
        #expect(try firewall.elements().isEmpty)
    }

    @Test func limitPassesSomePacketsAndObserveAll() throws {
        let lab = try Lab(bridgeCallsFirewall: false)
        var options = FirewallOptions()
        options.limitPacketsPerSecond = 10
        var firewall = try lab.node.space.firewall(options)
        #expect(try reaches(lab.a, lab.b, expected: true))
        for (response, isLimited) in [(QuarantineRule.Action.limit, true), (.observe, false)] {
            try firewall.apply([.put(rule(lab.a.v4, 600, response))], now: .epoch)
            let receiver = try Socket(lab.b)
            try receiver.bind("0.0.0.0", 4000)
            let sender = try Socket(lab.a)
            for _ in 0..<200 { sender.send("x", to: lab.b.v4, 4000) }
            let witness = try Socket(lab.bystander)
            witness.send("sentinel", to: lab.b.v4, 4000)
            var arrived = 0
            while receiver.receive() == "x" { arrived += 1 }
            let held = try #require(firewall.elements().first { $0.action == response })
            #expect(isLimited ? (arrived > 0 && arrived < 200) : arrived == 200)
            #expect(held.packets >= (isLimited ? UInt64(200 - arrived) : 200))
            try firewall.apply([.remove(rule(lab.a.v4, 600, response).key)], now: .epoch)
        }
    }
}
