import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing

@testable import Enforcement
import Timestamps

func rule(
    _ text: String, _ seconds: Int64 = 600, _ action: QuarantineRule.Action = .drop,
    forced: Bool = false
) -> QuarantineRule {
    QuarantineRule(
        target: target(text), action: action, expires: Timestamp(second: seconds), isForced: forced)
}

extension Namespace {
    /// A firewall in this namespace.
    func firewall(_ options: FirewallOptions = FirewallOptions()) throws -> Firewall {
        // A noncopyable value cannot be returned from a generic closure, so the socket is created
        // here.
        var made: Firewall?
        try inside { made = try Firewall(options) }
        guard let firewall = made.take() else { throw CommandFailed(description: "no firewall") }
        return firewall
    }

    func ruleset() throws -> String { try withoutExpiry(run("nft", "list", "ruleset")) }
}

@Suite(.needsKernel)
struct FirewallTests {
    @Test(arguments: [false, true])
    func actuatorAndScriptInstallTheSameRules(isFull: Bool) throws {
        let decisions = isFull ? everyAction : [fence("10.0.0.2")]
        var options = FirewallOptions()
        options.kept = isFull ? everyService : []
        options.keptNeighbours = [prefix("fd00::1").address]
        let ours = try Namespace("ours")
        var firewall = try ours.firewall(options)
        try firewall.rebuild(decisions.map(\.rule), now: .epoch)
        let theirs = try Namespace("theirs")
        var policy = QuarantinePolicyOptions()
        policy.kept = options.kept
        let script = NftScript.render(
            decisions, options: policy, keptNeighbours: options.keptNeighbours)
        try theirs.run("nft", "-f", "-", input: script)
        let expected = try sorted(theirs.ruleset())
        let difference = try sorted(ours.ruleset()).difference(from: expected)
        let isSame = difference.isEmpty
        #expect(isSame, "\(difference.map { "\($0)" }.joined(separator: "\n"))")
        #expect(try firewall.isIntact())
        // Adding one by one has the same result as adding all at once.
        try firewall.remove()
        for decision in decisions { try firewall.apply([.put(decision.rule)], now: .epoch) }
        #expect(try sorted(ours.ruleset()).difference(from: expected).isEmpty)
    }

    /// Elements have no order in a hash set.
    private func sorted(_ ruleset: String) -> [String] {
        ruleset.replacing("elements = { ", with: "").split { ",\n".contains($0) }
            .map { $0.trimmingCharacters(in: .whitespaces.union(["}"])) }
            .filter { !$0.isEmpty && $0 != "}" }.sorted()
    }

    @Test func addedElementsAreReadBack() throws {
        let space = try Namespace()
        var firewall = try space.firewall()
        let rules =
            ["10.0.0.2", "10.1.0.0/24", "255.255.254.0/24", "fd00::2", "fd00:1::/64", "fe00::/16"]
            .map { rule($0) } + [rule("02:00:00:00:00:01"), rule("port:a-name-of-15chr")]
        try firewall.apply(rules.map { .put(unprotected($0)) }, now: .epoch)
        let held = try firewall.elements()
        #expect(Set(held.map(\.target)) == Set(rules.map(\.target)))
        for element in held {
            let left = try #require(element.remaining)
            #expect(left > .seconds(500) && left <= .seconds(600) && element.isComplete)
            #expect(element.packets == 0)
        }
        try firewall.apply(rules.map { .remove($0.key) }, now: .epoch)
        #expect(try firewall.elements().isEmpty)
        // Removing a missing element is no error.
        try firewall.apply(rules.map { .remove($0.key) }, now: .epoch)
    }

    /// A rule that is added again later for as long as before has the same timeout, and Linux
    /// would leave its element as it is.
    @Test func aRuleThatIsExtendedByItsOwnDurationLastsLonger() throws {
        let space = try Namespace()
        var firewall = try space.firewall()
        let targets = ["10.0.0.2", "10.1.0.0/24", "fd00:1::/64", "02:00:00:00:00:01", "port:eth7"]
        func put(_ seconds: Int64) throws {
            let rules = targets.map { unprotected(rule($0, 600 + seconds)) }
            try firewall.apply(rules.map { .put($0) }, now: Timestamp(second: Int(seconds)))
        }
        try put(0)
        Thread.sleep(forTimeInterval: 3)
        try put(3)
        let held = try firewall.elements()
        #expect(held.count == targets.count)
        for element in held {
            let left = try #require(element.remaining)
            #expect(left > .seconds(598), "\(element.target) \(left)")
        }
    }

    private func unprotected(_ rule: QuarantineRule) -> QuarantineRule {
        var forced = rule
        forced.isForced = true
        return forced
    }

    @Test func anExpiryIsExtendedInPlaceAndTheCounterContinues() throws {
        let space = try Namespace()
        var firewall = try space.firewall()
        try firewall.apply(
            [.put(rule("10.0.0.2", 60)), .put(rule("10.1.0.0/24", 60))], now: .epoch)
        try firewall.apply(
            [.put(rule("10.0.0.2", 3600)), .put(rule("10.1.0.0/24", 3600))], now: .epoch)
        for element in try firewall.elements() {
            let left = try #require(element.remaining)
            #expect(left > .seconds(3000) && left <= .seconds(3600), "\(element)")
        }
    }

    @Test func theKernelRemovesAnExpiredFence() throws {
        let space = try Namespace()
        var firewall = try space.firewall()
        let short = QuarantineRule(target: target("10.0.0.2"), expires: .epoch + .milliseconds(20))
        let net = QuarantineRule(target: target("10.1.0.0/24"), expires: .epoch + .milliseconds(20))
        try firewall.apply([.put(short), .put(net)], now: .epoch)
        let isOver = try eventually { try firewall.elements().isEmpty }
        #expect(isOver)
        // It can be added again at once, also as part of a wider one.
        try firewall.apply(
            [.put(rule("10.0.0.2")), .put(rule("10.1.0.0/23"))], now: .epoch + .milliseconds(60))
        #expect(try firewall.elements().map(\.target.description) == ["10.0.0.2", "10.1.0.0/23"])
    }

    @Test func overlapsBecomeAdjacentPrefixes() throws {
        let space = try Namespace()
        var firewall = try space.firewall()
        try firewall.apply(
            [.put(rule("10.0.0.0/24", 600)), .put(rule("10.0.0.7", 50))], now: .epoch)
        try firewall.apply([.put(rule("10.0.0.64/26", 900))], now: .epoch)
        func nets() throws -> [String] { try firewall.elements().map(\.target.description) }
        #expect(try nets() == ["10.0.0.0/26", "10.0.0.7", "10.0.0.64/26", "10.0.0.128/25"])
        // Expires earlier: changes nothing. Wider and longer: contains all others.
        try firewall.apply([.put(rule("10.0.0.128/28", 300))], now: .epoch)
        #expect(try nets() == ["10.0.0.0/26", "10.0.0.7", "10.0.0.64/26", "10.0.0.128/25"])
        try firewall.apply([.put(rule("10.0.0.0/16", 9000))], now: .epoch)
        #expect(try nets() == ["10.0.0.0/16", "10.0.0.7"])
        try firewall.apply([.remove(rule("10.0.0.0/16").key)], now: .epoch)
        #expect(try nets() == ["10.0.0.0/26", "10.0.0.7", "10.0.0.64/26", "10.0.0.128/25"])
        // Released inside: the wider fence still applies to it.
        try firewall.apply([.remove(rule("10.0.0.64/26").key)], now: .epoch)
        #expect(try nets() == ["10.0.0.0/24", "10.0.0.7"])
    }

    @Test func protectedAddressesAreRefusedByTheFirewall() throws {
        let space = try Namespace()
        var protected = ProtectedSet()
        protected.add(prefix("10.0.0.1"), reason: "default gateway")
        var firewall = try space.firewall()
        #expect(
            throws: QuarantineError.protected(
                target("10.0.0.0/24"), why: "10.0.0.1 is protected: default gateway")
        ) {
            try firewall.apply(
                [.put(rule("10.0.0.9")), .put(rule("10.0.0.0/24"))], protecting: protected,
                now: .epoch)
        }
        #expect(try space.ruleset() == "")
        try firewall.apply(
            [.put(rule("10.0.0.0/24", forced: true))], protecting: protected, now: .epoch)
        #expect(try firewall.elements().count == 1)
        for text in ["0.0.0.0/0", "128.0.0.0/2", "127.0.0.1", "::/0"] {
            #expect(throws: QuarantineError.self, "\(text)") {
                try firewall.apply(
                    [.put(rule(text, forced: true))], protecting: protected, now: .epoch)
            }
        }
        #expect(try firewall.elements().count == 1)
    }

    @Test func aDryRunDoesNotChangeTheKernel() throws {
        let space = try Namespace()
        var options = FirewallOptions()
        options.isDryRun = true
        var firewall = try space.firewall(options)
        try firewall.apply([.put(rule("10.0.0.9"))], now: .epoch)
        #expect(throws: QuarantineError.self) {
            try firewall.apply([.put(rule("127.0.0.1"))], now: .epoch)
        }
        #expect(try space.ruleset() == "")
    }

    @Test func errorsOfTheKernelAreReported() throws {
        let space = try Namespace()
        var firewall = try space.firewall()
        try firewall.install()
        try space.run("nft", "add element inet lazaret drop_net4 { 10.0.0.0/24 }")
        let error = try #require(throws: QuarantineError.self) {
            try firewall.apply([.put(rule("10.0.0.0/25"))], now: .epoch)
        }
        guard case .kernel(let operation, let code, let words) = error else {
            Issue.record("\(error)")
            return
        }
        #expect(operation == "change the fence: add to inet set drop_net4")
        #expect(code == EEXIST && words == "File exists")
    }

    @Test func manyElementsAreAddedInOneTransaction() throws {
        let space = try Namespace()
        var firewall = try space.firewall()
        let rules = (0..<20_000 as Range<UInt32>).map {
            QuarantineRule(
                target: .prefix(IPPrefix(host: IPAddress(v4: 0x0B00_0000 + $0))),
                expires: Timestamp(second: 600))
        }
        try firewall.apply(rules.map(FirewallChange.put), now: .epoch)
        #expect(try firewall.elements().count == 20_000)
        try firewall.apply(rules.dropFirst().map { .remove($0.key) }, now: .epoch)
        #expect(try firewall.elements().count == 1)
    }

    @Test func otherTablesAreUnchanged() throws {
        let space = try Namespace()
        let foreign = """
            table ip docker { chain c { type filter hook forward priority 0; policy drop;
            }
            }
            """
        try space.run("nft", "-f", "-", input: foreign)
        let before = try space.ruleset()
        var firewall = try space.firewall()
        try firewall.apply([.put(rule("10.0.0.9", 600, .limit))], now: .epoch)
        #expect(try space.ruleset() != before)
        try firewall.remove()
        #expect(try space.ruleset() == before)
    }

    @Test func aRemovedRuleIsDetected() throws {
        let space = try Namespace()
        var firewall = try space.firewall()
        try firewall.install()
        #expect(try firewall.isIntact())
        for damage in [
            "flush chain inet lazaret output", "delete table bridge lazaret", "flush ruleset",
        ] {
            try space.run("nft", damage)
            #expect(try !firewall.isIntact())
            try firewall.rebuild([rule("10.0.0.9")], now: .epoch)
            #expect(try firewall.isIntact() && firewall.elements().count == 1)
        }
    }
}
