import CrowdSec
import NetworkAddresses
import Quarantine
import TestKit
import Testing
import Timestamps

@testable import Monitor

/// Which rules another program's decisions become.
struct DecisionBookTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)
    private let time = Timestamp(second: 1_800_000_000)

    private func book(_ change: (inout DecisionSource) -> Void = { _ in }) -> DecisionBook {
        var source = DecisionSource()
        source.name = "hub"
        change(&source)
        return DecisionBook(source)
    }

    private func decision(
        _ id: Int, _ value: String, _ duration: String = "1h0m0s", origin: String = "cscli",
        scope: String = "Ip", type: String = "ban"
    ) -> PulledDecision {
        PulledDecision(
            id: id, duration: duration, origin: origin, scenario: "ssh-bf", scope: scope,
            type: type, value: value)
    }

    private func changes(
        _ new: [PulledDecision], deleted: [PulledDecision] = []
    ) -> Bouncer.Changes { Bouncer.Changes(new: new, deleted: deleted) }

    private func rule(
        _ text: String, origin: String = "crowdsec:ssh-bf", source: String = "hub",
        for seconds: Int = 3600
    ) -> (IPPrefix, QuarantineRule) {
        (
            prefix(text),
            QuarantineRule(
                id: AdoptedRule.mark(of: source) + "1-0", target: target(text), state: .active,
                created: time, expires: time + .seconds(seconds), origin: origin)
        )
    }

    private func plan(
        _ book: inout DecisionBook, _ rules: [(IPPrefix, QuarantineRule)] = [],
        after seconds: Int = 0, objection: (IPPrefix) -> String? = { _ in nil }
    ) -> DecisionBook.Plan {
        book.plan(
            Dictionary(uniqueKeysWithValues: rules), now: start + .seconds(seconds),
            time: time + .seconds(seconds), objection: objection)
    }

    @Test func aDecisionIsARuleUntilItIsDeleted() throws {
        var book = book()
        book.take(changes([decision(1, "203.0.113.9")]), isStart: true, now: start)
        let first = plan(&book)
        let added = try #require(first.added.first)
        #expect(first.added.count == 1 && first.withdrawn.isEmpty)
        #expect(added.prefix == prefix("203.0.113.9") && added.expires == time + .seconds(3600))
        #expect(added.origin == "crowdsec:ssh-bf")
        #expect(added.reason == "decision 1 of cscli, from hub")
        #expect(plan(&book, [rule("203.0.113.9")]) == .init())
        book.take(
            changes([], deleted: [decision(1, "203.0.113.9", "-1s")]), isStart: false, now: start)
        let end = plan(&book, [rule("203.0.113.9")])
        #expect(end.withdrawn == [target("203.0.113.9")] && end.added.isEmpty)
    }

    /// The longest of several counts; the rule stays while any of them holds.
    @Test func ofSeveralDecisionsTheLastToEndCounts() {
        var book = book()
        book.take(
            changes([decision(1, "203.0.113.9", "2h"), decision(2, "203.0.113.9", "1h")]),
            isStart: true, now: start)
        #expect(plan(&book).added.map(\.expires) == [time + .seconds(7200)])
        book.take(changes([], deleted: [decision(1, "203.0.113.9")]), isStart: false, now: start)
        #expect(plan(&book, [rule("203.0.113.9", for: 7200)]) == .init())
        // What the server never says again ends by itself.
        let end = plan(&book, [rule("203.0.113.9", for: 7200)], after: 3601)
        #expect(end.withdrawn == [target("203.0.113.9")])
    }

    @Test func onlyBansOfAddressesThatHoldCount() {
        var book = book()
        book.take(
            changes([
                decision(1, "203.0.113.1", "-3s"), decision(2, "203.0.113.2", "1d"),
                decision(3, "203.0.113.3", type: "captcha"),
                decision(4, "DE", scope: "Country"),
                decision(5, "203.0.113.5/24", scope: "Range"),
                decision(6, "203.0.113.6", origin: "lazaret"), decision(7, "not an address"),
                decision(8, "2001:DB8:0::8"), decision(9, "203.0.113.9", "99999999999999h"),
                decision(10, "203.0.113.10", ""),
            ]), isStart: true, now: start)
        #expect(
            plan(&book).added.map(\.prefix) == [prefix("203.0.113.0/24"), prefix("2001:db8::8")])
        var chosen = self.book { $0.origins = ["CAPI"] }
        chosen.take(
            changes([decision(1, "203.0.113.1"), decision(2, "203.0.113.2", origin: "CAPI")]),
            isStart: true, now: start)
        #expect(plan(&chosen).added.map(\.prefix) == [prefix("203.0.113.2")])
    }

    /// At the start the server names everything that was ever deleted.
    @Test func aStartReplacesWhatWasKnown() {
        var book = book()
        book.take(changes([decision(1, "203.0.113.1")]), isStart: true, now: start)
        book.take(
            changes([decision(2, "203.0.113.2")], deleted: [decision(2, "203.0.113.2")]),
            isStart: true, now: start)
        let next = plan(&book, [rule("203.0.113.1")])
        #expect(next.withdrawn == [target("203.0.113.1")])
        #expect(next.added.map(\.prefix) == [prefix("203.0.113.2")])
    }

    /// A rule of the policy or an operator must not end with the other program's decision.
    @Test func rulesOfOthersAreLeftAlone() {
        var book = book()
        book.take(changes([decision(1, "203.0.113.9")]), isStart: true, now: start)
        #expect(plan(&book, [rule("203.0.113.9", origin: "policy")]) == .init())
        book.take(changes([], deleted: [decision(1, "203.0.113.9")]), isStart: false, now: start)
        #expect(
            plan(
                &book,
                [rule("203.0.113.9", origin: "ann"), rule("203.0.113.8", source: "other")])
                == .init())
    }

    @Test func limitsHoldAndAreStated() throws {
        var book = book { $0.most = 10 }
        book.take(
            changes(
                (0..<500).map {
                    decision($0, "198.51.\(100 + $0 / 250).\($0 % 250)", origin: "CAPI")
                }), isStart: true, now: start)
        #expect(plan(&book).added.count == 10 && book.refusedCount == 490)
        #expect(book.refused?.reason.contains("more than 10") == true)
        // Decisions that were made here come before lists, whatever is fenced already.
        book.take(
            changes([decision(900, "203.0.113.9")]), isStart: false, now: start)
        let full = (0..<10).map { rule("198.51.100.\($0)") }
        let next = plan(&book, full)
        #expect(next.added.map(\.prefix) == [prefix("203.0.113.9")])
        #expect(next.withdrawn == [target("198.51.100.9")])
        let refused = plan(&book, full) { _ in "protected" }
        #expect(refused.added.isEmpty && refused.withdrawn.count == 10)
        #expect(book.refused?.reason == "protected" && book.refusedCount == 501)
    }

    @Test func aFloodOfDecisionsIsBounded() {
        var book = book()
        let flood = (0..<DecisionBook.limit + 5).map { number in
            decision(
                number,
                "2001:db8:\(String(number / 60_000, radix: 16))::"
                    + String(number % 60_000, radix: 16))
        }
        book.take(changes(flood), isStart: true, now: start)
        #expect(book.surplus == 5)
        #expect(plan(&book).added.count == 1000)
        book.take(changes([decision(1, "203.0.113.9")]), isStart: true, now: start)
        #expect(book.surplus == 0 && plan(&book).added.count == 1)
    }

    @Test func aLongDecisionIsExtendedWhileItHolds() {
        var book = book { $0.longest = .seconds(3600) }
        book.take(changes([decision(1, "203.0.113.9", "87600h0m0s")]), isStart: true, now: start)
        #expect(plan(&book).added.first?.expires == time + .seconds(3600))
        #expect(plan(&book, [rule("203.0.113.9", for: 3600)]).added.isEmpty)
        let old = plan(&book, [rule("203.0.113.9", for: 1000)])
        #expect(old.added.first?.expires == time + .seconds(3600))
    }
}
