import Enforcement
import EventStore
import Foundation
import NetworkAddresses
import Quarantine
import Synchronization
import TestKit
import Testing
import Timestamps

/// The quarantine service of a running monitor, on its own thread.
@Suite(.needsKernel)
struct QuarantineServiceTests {
    private static let clock: @Sendable () -> Timestamp = {
        Clock.now()
    }

    @Test func aFlushIsRepairedAutomatically() throws {
        let space = try Namespace("service")
        let scratch = try Scratch()
        let store = try scratch.store()
        let repairs = Mutex(0)
        var made: QuarantineService?
        try space.inside {
            var options = QuarantineService.Options()
            options.isEnforcing = true
            made = try QuarantineService(
                policy: QuarantinePolicy(), ledger: store, options: options, clock: Self.clock
            ) { finding in
                if finding.failure == nil { repairs.withLock { $0 += 1 } }
            }
        }
        let service = try #require(made)
        let request = EnforcementRequest(
            time: Self.clock(), offender: try #require(IPAddress("10.0.0.2")), score: 0.95,
            threshold: 0.6, eventID: "e1", reason: "fan-out")
        let failures = try service.with { (engine, now) throws(QuarantineError) in
            try engine.consider(request, now: now).map(\.failure)
        }
        #expect(failures == [nil])
        for damage in ["flush ruleset", "delete table bridge lazaret"] {
            try space.run("nft", damage)
            let isBack = try eventually {
                let rules = try space.run("nft", "list", "ruleset")
                return rules.split(separator: "10.0.0.2 timeout").count == 3
            }
            #expect(isBack, "\(damage)")
        }
        service.stop()
        #expect(repairs.withLock { $0 } >= 2)
        let trail = try store.auditTail(limit: 100).map(\.entry)
        #expect(trail.contains { $0.action == "rebuild" && $0.detail.hasPrefix("nft (process") })
    }
}
