import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing

@testable import Enforcement
import Timestamps

func fence(
    _ text: String, seconds: Int64 = 600, action: QuarantineRule.Action = .drop,
    reason: String = "why"
) -> QuarantineDecision {
    QuarantineDecision(
        .add,
        QuarantineRule(
            id: "q1", target: target(text), action: action, expires: Timestamp(second: seconds),
            level: 1, reason: reason, eventID: "e1"), time: .epoch)
}

/// A script with all kinds of elements.
let everyAction: [QuarantineDecision] =
    QuarantineRule.Action.allCases.enumerated().flatMap { index, action in
        [
            ("10.\(index).0.2", 600), ("10.\(index).1.0/24", 600), ("10.\(index).1.64/26", 700),
            ("fd00:\(index)::2", 600), ("fd00:\(index):1::/64", 600),
        ].map { fence($0, seconds: $1, action: action) }
    } + [
        fence("02:42:ac:11:00:02"), fence("port:veth7"), fence("port:veth8", action: .limit),
        fence("port:veth9", action: .observe),
    ]

let everyService: [KeptService] = [
    KeptService(name: "DNS", address: prefix("10.0.0.53").address, port: .init(.udp, 53)),
    KeptService(name: "DNS6", address: prefix("fd00::53").address, port: .init(.tcp, 53)),
    KeptService(name: "forensic host", address: prefix("10.0.0.99").address),
]

struct ScriptTests {
    @Test(.needsKernel, arguments: [false, true])
    func theScriptIsAcceptedAndMayBeLoadedTwice(isFull: Bool) throws {
        let space = try Namespace()
        var options = QuarantinePolicyOptions()
        options.kept = isFull ? everyService : []
        let actions = isFull ? everyAction : [fence("10.0.0.2")]
        let script = NftScript.render(
            actions, options: options, keptNeighbours: [prefix("fd00::1").address])
        try space.run("nft", "-c", "-f", "-", input: script)
        try space.run("nft", "-f", "-", input: script)
        let once = try space.run("nft", "list", "ruleset")
        try space.run("nft", "-f", "-", input: script)
        #expect(try withoutExpiry(space.run("nft", "list", "ruleset")) == withoutExpiry(once))
        #expect(once.contains("10.0.0.2 timeout 10m"))
    }

    @Test func theLastFenceOfATargetApplies() {
        var released = fence("10.0.0.2")
        released.kind = .release
        var extended = fence("10.0.0.3", seconds: 900)
        extended.kind = .extend
        extended.time = Timestamp(second: 300)
        var refused = fence("10.0.0.4")
        refused.kind = .refuse(.warmingUp)
        let script = NftScript.render([
            fence("10.0.0.2"), fence("10.0.0.3"), released, extended, refused,
        ])
        #expect(!script.contains("10.0.0.2 timeout"))
        #expect(script.contains("add element inet lazaret drop_host4 { 10.0.0.3 timeout 900s }"))
        #expect(script.contains("#   not fenced: 10.0.0.4: the workload is still warming up"))
    }

    @Test func twoActionsOnOneTargetAreBothThere() {
        let script = NftScript.render([
            fence("10.0.0.2"), fence("10.0.0.2", action: .protect), fence("10.0.0.3"),
        ])
        #expect(script.contains("drop_host4 { 10.0.0.2 timeout"))
        #expect(script.contains("protect_host4 { 10.0.0.2 timeout"))
        var released = fence("10.0.0.2")
        released.kind = .release
        let rest = NftScript.render([
            fence("10.0.0.2"), fence("10.0.0.2", action: .protect), released,
        ])
        #expect(!rest.contains("drop_host4 { 10.0.0.2 timeout"))
        #expect(rest.contains("protect_host4 { 10.0.0.2 timeout"))
    }

    @Test func aReasonCannotLeaveItsComment() {
        let script = NftScript.render([fence("10.0.0.2", reason: "x\nflush ruleset\r\u{2028}\\")])
        #expect(script.split(separator: "\n").allSatisfy { !$0.hasPrefix("flush ruleset") })
    }
}

func withoutExpiry(_ ruleset: String) -> String {
    ruleset.replacing(/\ expires [0-9a-z]+/, with: "")
        .replacing(/counter packets \d+ bytes \d+/, with: "counter")
        .split(separator: "\n").map { $0.trimmingCharacters(in: .whitespaces) }
        .joined(separator: "\n")
}
