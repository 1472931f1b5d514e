import NetworkAddresses
import TestKit
import Testing
import Timestamps

@testable import Quarantine

/// Which windows extend a rule: those with new traffic.
struct ExtensionTests {
    private func window(
        at end: Int64, traffic: Int64, score: Double = 0.9
    ) -> EnforcementRequest {
        var request = request("10.0.0.2", at: end, score: score)
        request.lastTraffic = Timestamp(second: traffic)
        return request
    }

    /// An upload of eight seconds, in the windows of the ten minutes after it.
    @Test func windowsOverTheSamePacketsExtendNothing() {
        var quarantine = PlannedQuarantine()
        #expect(quarantine.consider(window(at: 10, traffic: 8)).map(\.kind) == [.add])
        for end in stride(from: Int64(30), through: 600, by: 30) {
            #expect(quarantine.consider(window(at: end, traffic: 8)).isEmpty)
        }
        #expect(quarantine.rules.values.map(\.expires) == [Timestamp(second: 610)])
    }

    /// A request from before the clock was set back has the present as its time.
    @Test func trafficInTheFutureCountsAsOfNow() {
        var quarantine = PlannedQuarantine()
        #expect(quarantine.consider(window(at: 10, traffic: 8)).map(\.kind) == [.add])
        #expect(quarantine.consider(window(at: 100, traffic: 3700)).map(\.kind) == [.extend])
        #expect(quarantine.rules.values.map(\.expires) == [Timestamp(second: 700)])
    }

    @Test func anOffenceThatGoesOnExtendsByAWholeDurationFromItsTraffic() {
        var quarantine = PlannedQuarantine()
        #expect(quarantine.consider(window(at: 10, traffic: 8)).map(\.kind) == [.add])
        let extended = quarantine.consider(window(at: 300, traffic: 285))
        #expect(extended.map(\.kind) == [.extend])
        #expect(extended.map(\.rule.expires) == [Timestamp(second: 885)])
        // An older request never makes it shorter.
        #expect(quarantine.consider(window(at: 330, traffic: 100)).isEmpty)
        #expect(quarantine.rules.values.map(\.expires) == [Timestamp(second: 885)])
    }

    /// A short rule expires while its traffic is still in the window of ten minutes.
    @Test func trafficThatHadARuleIsNoNewOffence() {
        var quarantine = PlannedQuarantine()
        quarantine.policy.options.durations = [.seconds(60), .seconds(3600)]
        #expect(quarantine.consider(window(at: 10, traffic: 8)).map(\.kind) == [.add])
        #expect(quarantine.consider(window(at: 40, traffic: 35)).map(\.kind) == [.extend])
        #expect(quarantine.expire(at: Timestamp(second: 95)).map(\.kind) == [.expire])
        for end in stride(from: Int64(120), through: 600, by: 30) {
            #expect(quarantine.consider(window(at: end, traffic: 35)).isEmpty)
        }
        // New traffic is one, and gets the next step.
        let again = quarantine.consider(window(at: 630, traffic: 615))
        #expect(again.map(\.kind) == [.add] && again.map(\.rule.level) == [2])
    }

    @Test func aSetClockMovesTheTrafficThatHadARule() {
        var quarantine = PlannedQuarantine()
        #expect(quarantine.consider(window(at: 1000, traffic: 998)).map(\.kind) == [.add])
        #expect(quarantine.expire(at: Timestamp(second: 1600)).map(\.kind) == [.expire])
        quarantine.policy.clockStepped(by: .seconds(-900))
        #expect(quarantine.consider(window(at: 800, traffic: 90)).isEmpty)
        #expect(quarantine.consider(window(at: 820, traffic: 815)).map(\.kind) == [.add])
    }

    @Test func aProtectedTargetIsExtendedByNewTrafficOnly() {
        var quarantine = PlannedQuarantine(QuarantinePolicy(inventory: inventory(4)))
        quarantine.policy.options.protectedConnectionsPerSecond = 50
        func attack(at end: Int64, traffic: Int64) -> EnforcementRequest {
            var request = EnforcementRequest(
                time: Timestamp(second: end), target: prefix("10.0.0.2").address, score: 1,
                threshold: 0.5, isFarBeyond: true, eventID: "e", reason: "flood")
            request.lastTraffic = Timestamp(second: traffic)
            return request
        }
        #expect(quarantine.consider(attack(at: 20, traffic: 20)).map(\.word) == ["protect"])
        #expect(quarantine.consider(attack(at: 400, traffic: 20)).isEmpty)
        #expect(quarantine.consider(attack(at: 430, traffic: 415)).map(\.word) == ["extend"])
    }
}
