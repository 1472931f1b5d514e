import NetworkAddresses
import TestKit
import Testing

@testable import Quarantine
import Timestamps

struct PolicyTests {
    @Test func oneWindowIsWatchedAndTwoInARowAreFenced() {
        var quarantine = PlannedQuarantine()
        #expect(quarantine.consider(request("10.0.0.2", at: 100)).isEmpty)
        // The same time at another scale is not a second window.
        #expect(quarantine.consider(request("10.0.0.2", at: 100)).isEmpty)
        let decisions = quarantine.consider(request("10.0.0.2", at: 110))
        #expect(decisions.map(\.kind) == [.add])
        let rule = decisions[0].rule
        #expect(rule.expires == Timestamp(second: 110 + 600) && rule.eventID == "e110")
        #expect(rule.undo == "lazaret quarantine release 10.0.0.2")
    }

    @Test func aNewOwnerOfAnAddressHasNoRecordAndThePreviousIsNotFenced() {
        func by(_ workload: String, at time: Int64, score: Double = 0.7) -> EnforcementRequest {
            var request = request("10.0.0.2", at: time, score: score)
            request.workload = workload
            return request
        }
        var quarantine = PlannedQuarantine()
        #expect(quarantine.consider(by("web", at: 100)).isEmpty)
        // Two windows in a row, but of two workloads.
        #expect(quarantine.consider(by("job", at: 110)).isEmpty)
        #expect(quarantine.consider(by("job", at: 120)).map(\.kind) == [.add])
        _ = quarantine.expire(at: Timestamp(second: 720))
        // A window of the previous owner, scored after the address has a new owner.
        quarantine.policy.inventory = inventory(1)
        #expect(quarantine.consider(by("job", at: 730, score: 1)).isEmpty)
        // An owner without a name at that time is the current owner.
        #expect(quarantine.consider(by("10.0.0.2", at: 740, score: 1)).map(\.kind) == [.add])
    }

    @Test func aPortThatNoRuleCanNameIsRefusedAndTold() {
        var quarantine = PlannedQuarantine()
        var nameless = request("10.0.0.2", at: 100, score: 1)
        nameless.isAtUnnamedPort = true
        let decisions = quarantine.consider(nameless)
        #expect(decisions.map(\.kind) == [.refuse(.unnamedPort)])
    }

    @Test func whatRestsOnTheAddressAloneIsRefusedAndTold() {
        func unproven(_ address: String, at time: Int64) -> EnforcementRequest {
            var request = request(address, at: time, score: 1)
            request.isProven = false
            return request
        }
        var quarantine = PlannedQuarantine()
        #expect(
            quarantine.consider(unproven("10.0.0.2", at: 100)).map(\.kind) == [.refuse(.unproven)])
        // Reported once, not with every window.
        #expect(quarantine.consider(unproven("10.0.0.2", at: 110)).isEmpty)
        // It does not count for the fence of a prefix: two others are too few.
        quarantine.policy.inventory = inventory(4)
        _ = quarantine.consider(unproven("10.0.0.3", at: 111))
        for (place, address) in ["10.0.0.4", "10.0.0.5"].enumerated() {
            let decisions = quarantine.consider(request(address, at: 112 + Int64(place), score: 1))
            #expect(decisions.map { "\($0.target)" } == [address])
        }
        // Evidence that comes later counts.
        var other = PlannedQuarantine()
        _ = other.consider(unproven("10.0.0.2", at: 100))
        #expect(other.consider(request("10.0.0.2", at: 110, score: 1)).map(\.kind) == [.add])
    }

    @Test func whoBorrowsAddressesIsFencedAtItsPortWhereThatIsKnown() {
        var quarantine = PlannedQuarantine()
        var request = request("10.0.0.2", at: 100, score: 1, link: "02:00:00:00:00:01")
        request.port = QuarantinePort(name: "veth1", instance: "7/2/a", ownsAddress: true)
        let decisions = quarantine.consider(request)
        #expect(decisions.map { "\($0.target)" } == ["port:veth1"])
        #expect(decisions.first?.rule.undo == "lazaret quarantine release port:veth1")
        #expect(decisions.first?.rule.portInstance == "7/2/a")
    }

    /// Independent of the pattern: the port is the strongest target for a container.
    @Test(arguments: [true, false])
    func whoIsBehindAPortIsFencedThereAndAtTheAddressesThatTheKernelListsThere(isListed: Bool) {
        var quarantine = PlannedQuarantine()
        quarantine.policy.inventory = KnownInventory(workloads: [
            KnownWorkload(
                name: "web", addresses: [prefix("10.0.0.2"), prefix("10.1.0.2")].map(\.address))
        ])
        var request = request("10.0.0.2", at: 100, score: 1)
        request.port = QuarantinePort(name: "veth1", instance: "7/2/a", ownsAddress: isListed)
        let decisions = quarantine.consider(request)
        // An address that the port was only the first to use may belong to another host.
        #expect(
            decisions.map { "\($0.target)" }
                == (isListed ? ["10.0.0.2", "10.1.0.2", "port:veth1"] : ["port:veth1"]))
        #expect(Set(decisions.map(\.rule.id)).count == 1)
        #expect(quarantine.rules.rule(over: request.offender, link: .zero, port: "veth1") != nil)
        // While the offence continues, all rules are extended, and a new port is added.
        request.time = Timestamp(second: 400)
        request.port?.name = "veth2"
        let further = quarantine.consider(request)
        #expect(further.contains { $0.kind == .add && "\($0.target)" == "port:veth2" })
        #expect(further.count { $0.kind == .extend } == (isListed ? 3 : 0))
    }

    @Test func egressIsByAddressWhereTheAddressIsThePortsOwn() {
        var quarantine = PlannedQuarantine()
        quarantine.policy.options.actions = [.egress]
        var request = request("10.0.0.2", at: 100, score: 1)
        request.port = QuarantinePort(name: "veth1", ownsAddress: true)
        #expect(quarantine.consider(request).map { "\($0.target)" } == ["10.0.0.2"])
    }

    @Test func insideAndOutsideHaveBudgetsAndBreakersOfTheirOwn() {
        var quarantine = PlannedQuarantine()
        quarantine.policy.options.maximumActive = 3
        quarantine.policy.inventory = inventory(10)
        for host in 1...5 {
            _ = quarantine.consider(request("203.0.113.\(host)", at: 100, score: 1))
        }
        #expect(quarantine.rules.count == 3)
        #expect(quarantine.policy.isBreakerOpen(at: Timestamp(second: 101)))
        #expect(quarantine.consider(request("10.0.0.2", at: 101, score: 1)).map(\.kind) == [.add])
        #expect(
            quarantine.consider(request("203.0.113.9", at: 102, score: 1)).map(\.kind)
                == [.refuse(.breakerOpen)])
    }

    @Test(arguments: [
        ("port:veth1", true), ("port:br-0.7", true), ("port:123456789012345", true),
        ("port:", false), ("port:1234567890123456", false), ("port:a b", false),
        ("port:a/b", false), ("port:..", false), ("port:a\"", false), ("veth1", false),
    ])
    func theNameOfAPortIsAnInterfaces(text: String, isGood: Bool) {
        #expect((QuarantineTarget(text) != nil) == isGood)
        if isGood { #expect(QuarantineTarget(text)?.description == text) }
    }

    @Test func windowsFarApartAreNotInARow() {
        var quarantine = PlannedQuarantine()
        for time: Int64 in [0, 16, 32, 48] {
            #expect(quarantine.consider(request("10.0.0.2", at: time)).isEmpty)
        }
        #expect(quarantine.consider(request("10.0.0.2", at: 63)).count == 1)
    }

    @Test(arguments: [(0.8, 1), (0.799, 0)])
    func farBeyondNeedsOneWindow(score: Double, fences: Int) {
        var quarantine = PlannedQuarantine()
        #expect(quarantine.consider(request("10.0.0.2", at: 0, score: score)).count == fences)
    }

    @Test func repeatedOffencesLastLongerAndAreForgivenOverTime() {
        var quarantine = PlannedQuarantine()
        func fence(at time: Int64) -> Int {
            let decisions = quarantine.consider(request("10.0.0.2", at: time, score: 0.9))
            return decisions.last.map { ($0.rule.expires - $0.time).wholeSeconds } ?? 0
        }
        #expect(fence(at: 0) == 600)
        #expect(fence(at: 1000) == 3600)
        #expect(fence(at: 10_000) == 86_400)
        // The third expired at 96,400; a day of quiet forgives one of three steps.
        #expect(fence(at: 200_000) == 86_400)
        // That one expired at 286,400; two days of quiet forgive two of three steps.
        #expect(fence(at: 286_400 + 2 * 86_400) == 3600)
        #expect(fence(at: 1_000_000_000) == 600)
    }

    @Test func aContinuedOffenceExtendsTheFenceWithoutAGap() {
        var quarantine = PlannedQuarantine()
        _ = quarantine.consider(request("10.0.0.2", at: 0, score: 0.9))
        #expect(quarantine.consider(request("10.0.0.2", at: 30, score: 0.9)).isEmpty)
        let decisions = quarantine.consider(request("10.0.0.2", at: 60, score: 0.9))
        #expect(
            decisions.map(\.kind) == [.extend]
                && decisions[0].rule.expires == Timestamp(second: 660))
        #expect(quarantine.expire(at: Timestamp(second: 659)).isEmpty)
        #expect(quarantine.expire(at: Timestamp(second: 660)).map(\.kind) == [.expire])
        #expect(quarantine.rules.isEmpty)
    }

    /// A weak step is not extended: who continues until its end gets the next one.
    @Test func aContinuedOffenceReachesTheStricterStep() {
        var quarantine = PlannedQuarantine()
        quarantine.policy.options.actions = [.limit, .drop]
        quarantine.policy.options.durations = [.seconds(60), .seconds(600)]
        #expect(quarantine.consider(request("10.0.0.2", at: 0, score: 0.9)).map(\.kind) == [.add])
        for second in stride(from: Int64(10), to: 60, by: 10) {
            #expect(quarantine.consider(request("10.0.0.2", at: second, score: 0.9)).isEmpty)
        }
        #expect(quarantine.expire(at: Timestamp(second: 60)).map(\.kind) == [.expire])
        let next = quarantine.consider(request("10.0.0.2", at: 61, score: 0.9))
        #expect(next.map(\.rule.action) == [.drop] && next.map(\.rule.level) == [2])
        // The last step is extended.
        let extended = quarantine.consider(request("10.0.0.2", at: 600, score: 0.9))
        #expect(extended.map(\.kind) == [.extend])
        #expect(extended.first?.rule.expires == Timestamp(second: 1200))
    }

    @Test func aWorkloadIsFencedWithAllItsAddresses() throws {
        var quarantine = PlannedQuarantine()
        quarantine.policy.inventory = KnownInventory(workloads: [
            KnownWorkload(
                name: "web", addresses: [prefix("10.0.0.2").address, prefix("fd00::2").address],
                links: [try #require(MACAddress("02:42:ac:11:00:02"))])
        ])
        let decisions = quarantine.consider(request("10.0.0.2", at: 0, score: 0.9))
        #expect(
            decisions.map(\.target.description) == ["10.0.0.2", "fd00::2", "fe80::42:acff:fe11:2"])
        #expect(Set(decisions.map(\.rule.id)).count == 1 && decisions[0].rule.workload == "web")
    }

    @Test func aSpooferIsFencedByItsMACAddress() {
        var quarantine = PlannedQuarantine()
        quarantine.policy.protected.add(prefix("10.0.0.1"), reason: "gateway")
        let link = "02:42:ac:11:00:66"
        let decisions = quarantine.consider(request("10.0.0.1", at: 0, score: 0.9, link: link))
        #expect(decisions.map(\.target) == [target(link)] && decisions[0].kind == .add)
    }

    @Test func protectedAndAllowlistedTargetsAreReportedOncePerPeriod() {
        var quarantine = PlannedQuarantine()
        quarantine.policy.protected.add(prefix("10.0.0.1"), reason: "default gateway")
        quarantine.policy.allowlist = [
            AllowEntry(prefix("10.0.9.0/24"), reason: "test", expires: Timestamp(second: 50))
        ]
        let first = quarantine.consider(request("10.0.0.1", at: 0, score: 0.9))
        #expect(
            first.map(\.kind) == [.refuse(.protected("10.0.0.1 is protected: default gateway"))])
        #expect(quarantine.consider(request("10.0.0.1", at: 10, score: 0.9)).isEmpty)
        #expect(quarantine.consider(request("10.0.0.1", at: 600, score: 0.9)).count == 1)
        #expect(
            quarantine.consider(request("10.0.9.4", at: 49, score: 0.9)).first?.kind
                == .refuse(.allowlisted("10.0.9.0/24, test")))
        #expect(quarantine.consider(request("10.0.9.4", at: 50, score: 0.9)).first?.kind == .add)
        #expect(quarantine.rules.count == 1)
    }

    @Test func youngWorkloadsAreNotFencedYet() {
        var quarantine = PlannedQuarantine()
        quarantine.policy.options.warmUp = .seconds(60)
        quarantine.policy.inventory = KnownInventory(workloads: [
            KnownWorkload(
                name: "w", addresses: [prefix("10.0.0.2").address],
                knownSince: Timestamp(second: 10))
        ])
        let early = quarantine.consider(request("10.0.0.2", at: 69, score: 0.9))
        #expect(early.map(\.kind) == [.refuse(.warmingUp)])
        #expect(quarantine.consider(request("10.0.0.2", at: 70, score: 0.9)).map(\.kind) == [.add])
    }

    @Test func exceedingTheBudgetOpensTheBreaker() {
        var quarantine = PlannedQuarantine()
        quarantine.policy.options.maximumActive = 2
        var kinds: [QuarantineDecision.Kind] = []
        for host in 2...5 {
            kinds += quarantine.consider(request("10.0.0.\(host)", at: 0, score: 0.9)).map(\.kind)
        }
        #expect(
            kinds == [
                .add, .add, .refuse(.budgetOfRules(2)), .refuse(.breakerOpen),
            ])
        #expect(
            quarantine.policy.isBreakerOpen(at: Timestamp(second: 599))
                && !quarantine.policy.isBreakerOpen(at: Timestamp(second: 600)))
    }

    @Test func noMoreThanAShareOfTheKnownWorkloadsIsFenced() {
        var quarantine = PlannedQuarantine(QuarantinePolicy(inventory: inventory(8)))
        quarantine.policy.options.fencesSubnets = false
        quarantine.policy.options.maximumShareOfWorkloads = 0.25
        let kinds = (2...4).flatMap {
            quarantine.consider(request("10.0.0.\($0)", at: 0, score: 0.9)).map(\.kind)
        }
        #expect(kinds == [.add, .add, .refuse(.budgetOfWorkloads(percent: 25))])
    }

    @Test func enoughOffendersOfASubnetAreFencedTogetherAndNobodyElse() {
        var quarantine = PlannedQuarantine(
            QuarantinePolicy(inventory: inventory(4, network: "10.0.0.0/29")))
        quarantine.policy.options.maximumShareOfWorkloads = 1
        quarantine.policy.protected.add(prefix("10.0.0.6"), reason: "resolver")
        var decisions: [QuarantineDecision] = []
        for host in 2...4 {
            decisions = quarantine.consider(request("10.0.0.\(host)", at: Int64(host), score: 0.9))
        }
        // The two before are fenced already; .5 and unknown addresses are not accused.
        #expect(decisions.map(\.target.description) == ["10.0.0.4"])
        #expect(
            decisions.allSatisfy { $0.reason.contains("3 of 4 known workloads of 10.0.0.0/29") })
        let later = quarantine.consider(request("10.0.0.5", at: 20, score: 0.9))
        #expect(later.map(\.target.description) == ["10.0.0.5"])
    }

    /// A detection that nobody can be blamed for.
    private func attack(on target: String, at second: Int64) -> EnforcementRequest {
        EnforcementRequest(
            time: Timestamp(second: second), target: prefix(target).address, score: 1,
            threshold: 0.5, eventID: "e", reason: "SYN flood")
    }

    @Test func theTargetOfUnknownSendersIsProtectedWhereThatIsConfigured() {
        var quarantine = PlannedQuarantine(QuarantinePolicy(inventory: inventory(4)))
        #expect(quarantine.consider(attack(on: "10.0.0.2", at: 10)).isEmpty)
        quarantine.policy.options.protectedConnectionsPerSecond = 50
        let added = quarantine.consider(attack(on: "10.0.0.2", at: 20))
        #expect(added.map(\.word) == ["protect"] && added.first?.rule.action == .protect)
        #expect(added.first?.target.description == "10.0.0.2")
        #expect(added.first?.rule.expires == Timestamp(second: 620))
        // It goes on; meanwhile the target itself offends, and is fenced as anybody else.
        #expect(quarantine.consider(attack(on: "10.0.0.2", at: 200)).map(\.word) == ["extend"])
        let fenced = quarantine.consider(request("10.0.0.2", at: 210, score: 0.9))
        #expect(fenced.map(\.kind) == [.add] && fenced.first?.rule.action == .drop)
        #expect(fenced.first?.rule.level == 1)
        // Hosts beyond the gateway, and protected addresses, get no rule.
        #expect(quarantine.consider(attack(on: "198.51.100.7", at: 220)).isEmpty)
        quarantine.policy.protected.add(prefix("10.0.0.1"), reason: "gateway")
        let refused = quarantine.consider(attack(on: "10.0.0.1", at: 230))
        #expect(refused.map(\.word) == ["refuse"])
        // The address of an unproven sender is refused, and its target protected.
        var unproven = request("198.51.100.9", at: 240, score: 0.9)
        unproven.isProven = false
        unproven.target = prefix("10.0.0.3").address
        #expect(quarantine.consider(unproven).map(\.word) == ["refuse", "protect"])
    }

    @Test func protectedTargetsHaveABudgetAndNoEffectOnFences() {
        var quarantine = PlannedQuarantine(QuarantinePolicy(inventory: inventory(20)))
        quarantine.policy.options.protectedConnectionsPerSecond = 50
        quarantine.policy.options.maximumActive = 2
        let words = (2...5).flatMap {
            quarantine.consider(attack(on: "10.0.0.\($0)", at: 10)).map(\.word)
        }
        #expect(words == ["protect", "protect", "refuse", "refuse"])
        #expect(!quarantine.policy.isBreakerOpen(at: Timestamp(second: 11)))
        #expect(quarantine.consider(request("10.0.0.9", at: 12, score: 0.9)).map(\.kind) == [.add])
    }

    @Test func aSubnetBeyondTheBudgetIsNotFenced() {
        var quarantine = PlannedQuarantine(
            QuarantinePolicy(inventory: inventory(4, network: "10.0.0.0/29")))
        quarantine.policy.options.maximumShareOfWorkloads = 0.5
        let kinds = (2...4).flatMap {
            quarantine.consider(request("10.0.0.\($0)", at: 0, score: 0.9)).map(\.kind)
        }
        #expect(kinds == [.add, .add, .refuse(.budgetOfWorkloads(percent: 50))])
    }

    @Test func theNumberOfRememberedOffendersIsBounded() {
        var quarantine = PlannedQuarantine()
        quarantine.policy.options.maximumTracked = 100
        for host in 0..<1000 {
            _ = quarantine.consider(
                request("10.1.\(host / 250).\(host % 250 + 1)", at: Int64(host)))
        }
        #expect(quarantine.policy.records.count <= 100)
    }
}
