import NetworkAddresses
import TestKit
import Testing

@testable import Quarantine

struct PolicyTests {
    @Test func oneWindowIsWatchedTwoInARowAreFenced() {
        var policy = QuarantinePolicy()
        #expect(policy.consider(offence("10.0.0.2", at: 100)).isEmpty)
        // The same moment seen at another scale is not a second window.
        #expect(policy.consider(offence("10.0.0.2", at: 100)).isEmpty)
        let actions = policy.consider(offence("10.0.0.2", at: 110))
        #expect(actions.map(\.kind) == [.fence])
        #expect(actions[0].until == (110 + 600) * second && actions[0].eventID == "e110")
        #expect(actions[0].undo == "lazaret quarantine release 10.0.0.2")
    }

    @Test func whoTakesAnAddressHasNoRecordAndWhoIsGoneIsNotFencedOverIt() {
        func by(_ workload: String, at time: Int64, score: Double = 0.7) -> Offence {
            var offence = offence("10.0.0.2", at: time, score: score)
            offence.workload = workload
            return offence
        }
        var policy = QuarantinePolicy()
        #expect(policy.consider(by("web", at: 100)).isEmpty)
        // Two windows in a row, but of two workloads.
        #expect(policy.consider(by("job", at: 110)).isEmpty)
        #expect(policy.consider(by("job", at: 120)).map(\.kind) == [.fence])
        policy.withdraw(target("10.0.0.2"))
        // A window of the one before, judged after the address passed on.
        policy.inventory = inventory(1)
        #expect(policy.consider(by("job", at: 130, score: 1)).isEmpty)
        // One that had no name then is the one that has it now.
        #expect(policy.consider(by("10.0.0.2", at: 140, score: 1)).map(\.kind) == [.fence])
    }

    @Test func windowsFarApartAreNotInARow() {
        var policy = QuarantinePolicy()
        for time: Int64 in [0, 16, 32, 48] {
            #expect(policy.consider(offence("10.0.0.2", at: time)).isEmpty)
        }
        #expect(policy.consider(offence("10.0.0.2", at: 63)).count == 1)
    }

    @Test(arguments: [(0.8, 1), (0.799, 0)])
    func farBeyondNeedsOneWindow(score: Double, fences: Int) {
        var policy = QuarantinePolicy()
        #expect(policy.consider(offence("10.0.0.2", at: 0, score: score)).count == fences)
    }

    @Test func repeatersStayLongerAndAreForgivenInTime() {
        var policy = QuarantinePolicy()
        func fence(at time: Int64) -> Int64 {
            let actions = policy.consider(offence("10.0.0.2", at: time, score: 0.9))
            return actions.last.map { ($0.until - $0.time) / second } ?? 0
        }
        #expect(fence(at: 0) == 600)
        #expect(fence(at: 1000) == 3600)
        #expect(fence(at: 10_000) == 86_400)
        // The third ended at 96,400; a day of quiet forgives one of three steps.
        #expect(fence(at: 200_000) == 86_400)
        // That ended at 286,400; two days of quiet forgive two of three steps.
        #expect(fence(at: 286_400 + 2 * 86_400) == 3600)
        #expect(fence(at: 1_000_000_000) == 600)
    }

    @Test func whoGoesOnIsHeldLongerWithoutAGap() {
        var policy = QuarantinePolicy()
        _ = policy.consider(offence("10.0.0.2", at: 0, score: 0.9))
        #expect(policy.consider(offence("10.0.0.2", at: 30, score: 0.9)).isEmpty)
        let actions = policy.consider(offence("10.0.0.2", at: 60, score: 0.9))
        #expect(actions.map(\.kind) == [.extend] && actions[0].until == 660 * second)
        #expect(policy.advance(to: 659 * second).isEmpty)
        #expect(policy.advance(to: 660 * second).map(\.kind) == [.expire])
        #expect(policy.activeFences.isEmpty)
    }

    @Test func aWorkloadIsFencedWithAllItsAddresses() throws {
        var policy = QuarantinePolicy()
        policy.inventory = KnownInventory(workloads: [
            KnownWorkload(
                name: "web", addresses: [prefix("10.0.0.2").address, prefix("fd00::2").address],
                link: MACAddress("02:42:ac:11:00:02"))
        ])
        let actions = policy.consider(offence("10.0.0.2", at: 0, score: 0.9))
        #expect(
            actions.map(\.target.description) == ["10.0.0.2", "fd00::2", "fe80::42:acff:fe11:2"])
        #expect(Set(actions.map(\.id)).count == 1 && actions[0].workload == "web")
    }

    @Test func aSpooferIsFencedByItsCard() {
        var policy = QuarantinePolicy()
        policy.protected.add(prefix("10.0.0.1"), reason: "gateway")
        let link = "02:42:ac:11:00:66"
        let actions = policy.consider(offence("10.0.0.1", at: 0, score: 0.9, link: link))
        #expect(actions.map(\.target) == [target(link)] && actions[0].kind == .fence)
    }

    @Test func protectedAndAllowlistedAreRefusedOnceInAWhile() {
        var policy = QuarantinePolicy()
        policy.protected.add(prefix("10.0.0.1"), reason: "default gateway")
        policy.allowlist = [AllowEntry(prefix("10.0.9.0/24"), reason: "test", until: 50 * second)]
        let first = policy.consider(offence("10.0.0.1", at: 0, score: 0.9))
        #expect(
            first.map(\.kind) == [.refuse(.protected("10.0.0.1 is protected: default gateway"))])
        #expect(policy.consider(offence("10.0.0.1", at: 10, score: 0.9)).isEmpty)
        #expect(policy.consider(offence("10.0.0.1", at: 600, score: 0.9)).count == 1)
        #expect(
            policy.consider(offence("10.0.9.4", at: 49, score: 0.9)).first?.kind
                == .refuse(.allowlisted("10.0.9.0/24, test")))
        #expect(policy.consider(offence("10.0.9.4", at: 50, score: 0.9)).first?.kind == .fence)
        #expect(policy.activeFences.count == 1)
    }

    @Test func youngWorkloadsWarmUp() {
        var policy = QuarantinePolicy()
        policy.options.warmUpSeconds = 60
        policy.inventory = KnownInventory(workloads: [
            KnownWorkload(
                name: "w", addresses: [prefix("10.0.0.2").address], knownSince: 10 * second)
        ])
        let early = policy.consider(offence("10.0.0.2", at: 69, score: 0.9))
        #expect(early.map(\.kind) == [.refuse(.warmingUp)])
        #expect(policy.consider(offence("10.0.0.2", at: 70, score: 0.9)).map(\.kind) == [.fence])
    }

    @Test func theBudgetOpensTheBreaker() {
        var policy = QuarantinePolicy()
        policy.options.maximumActive = 2
        var kinds: [QuarantineAction.Kind] = []
        for host in 2...5 {
            kinds += policy.consider(offence("10.0.0.\(host)", at: 0, score: 0.9)).map(\.kind)
        }
        #expect(
            kinds == [
                .fence, .fence, .refuse(.budgetOfFences(2)), .refuse(.breakerOpen),
            ])
        #expect(policy.isBreakerOpen(at: 599 * second) && !policy.isBreakerOpen(at: 600 * second))
    }

    @Test func noMoreThanAShareOfTheKnownWorkloadsIsFenced() {
        var policy = QuarantinePolicy(inventory: inventory(8))
        policy.options.fencesSubnets = false
        policy.options.maximumShareOfWorkloads = 0.25
        let kinds = (2...4).flatMap {
            policy.consider(offence("10.0.0.\($0)", at: 0, score: 0.9)).map(\.kind)
        }
        #expect(kinds == [.fence, .fence, .refuse(.budgetOfWorkloads(percent: 25))])
    }

    @Test func enoughOfASubnetFencesItAroundWhatIsProtected() {
        var policy = QuarantinePolicy(inventory: inventory(4, network: "10.0.0.0/29"))
        policy.options.maximumShareOfWorkloads = 1
        policy.protected.add(prefix("10.0.0.6"), reason: "resolver")
        var actions: [QuarantineAction] = []
        for host in 2...4 {
            actions = policy.consider(offence("10.0.0.\(host)", at: Int64(host), score: 0.9))
        }
        // Without the gateway .1 and the resolver .6.
        #expect(
            actions.map(\.target.description)
                == ["10.0.0.0", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.7"])
        #expect(actions.allSatisfy { $0.reason.contains("3 of 4 known workloads of 10.0.0.0/29") })
        #expect(policy.consider(offence("10.0.0.5", at: 20, score: 0.9)).isEmpty)
    }

    @Test func aSubnetBeyondTheBudgetIsNotFenced() {
        var policy = QuarantinePolicy(inventory: inventory(4, network: "10.0.0.0/29"))
        policy.options.maximumShareOfWorkloads = 0.5
        let kinds = (2...4).flatMap {
            policy.consider(offence("10.0.0.\($0)", at: 0, score: 0.9)).map(\.kind)
        }
        #expect(kinds == [.fence, .fence, .refuse(.budgetOfWorkloads(percent: 50))])
    }

    @Test func releaseByHandLeavesTheTargetAlone() {
        var policy = QuarantinePolicy()
        _ = policy.consider(offence("10.0.0.2", at: 0, score: 0.9))
        let released = policy.release(target("10.0.0.0/24"), reason: "checked", time: 5 * second)
        #expect(released.map(\.kind) == [.release] && policy.activeFences.isEmpty)
        let again = policy.consider(offence("10.0.0.2", at: 10, score: 0.9))
        #expect(again.map(\.kind) == [.refuse(.allowlisted("10.0.0.0/24, released by hand"))])
        let later = policy.consider(offence("10.0.0.2", at: 605, score: 0.9))
        #expect(later.map(\.level) == [1])
    }

    @Test func byHandObeysTheProtectedSetUnlessForced() {
        var policy = QuarantinePolicy()
        policy.protected.add(prefix("10.0.0.1"), reason: "default gateway")
        let wide = target("10.0.0.0/24")
        let refused = policy.add(wide, seconds: 60, reason: "r", time: 0)
        #expect(
            refused.kind == .refuse(.protected("10.0.0.1 is protected: default gateway")))
        #expect(policy.add(wide, seconds: 60, reason: "r", time: 0, force: true).kind == .fence)
    }

    @Test func offendersRememberedAreBounded() {
        var policy = QuarantinePolicy()
        policy.options.maximumTracked = 100
        for host in 0..<1000 {
            _ = policy.consider(offence("10.1.\(host / 250).\(host % 250 + 1)", at: Int64(host)))
        }
        #expect(policy.records.count <= 100)
    }
}
