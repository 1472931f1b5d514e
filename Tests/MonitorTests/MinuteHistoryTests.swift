import EventStore
import Foundation
import StatusReport
import TestKit
import Testing
import Timestamps

@testable import Monitor

/// What pages show of the past outlasts the monitor, in bounded memory and room.
struct MinuteHistoryTests {
    @Test func ratesAreMeansOfTenSecondsForAnHour() {
        var history = RateHistory()
        for second in Int64(0)..<7200 {
            history.add(second: second, packets: Double(second % 10), bits: 8, verdicts: 1)
        }
        #expect(history.rates.count == 360 && history.rates.last?.second == 7190)
        #expect(history.rates.allSatisfy { $0.packets == 4.5 && $0.bits == 8 && $0.verdicts == 10 })
        // The clock is set back by half an hour: the future is forgotten.
        history.add(second: 5400, packets: 1, bits: 1, verdicts: 0)
        #expect(history.rates.last?.second == 5400 && history.rates.count < 200)
    }

    @Test func theLastHourIsTheSameAfterARestart() throws {
        let scratch = try Scratch()
        let store = try EventStore(directory: scratch.path("state"))
        let now = Clock.now().second
        let before = MonitorHub()
        for number in 0..<300 {
            before.scores.record(
                "w\(number)", share: UInt8(1 + number % 90), minute: now / 60 - number % 2)
        }
        before.scores.record("db", share: 100, minute: now / 60)
        var status = MonitorStatus()
        for second in [30, 20, 10, 0] {
            status.updated = Timestamp(second: now - second)
            status.packetsPerSecond = Double(100 + second)
            before.publish(status)
        }
        try store.record(
            before.lastMinutes(until: now), evidenceSince: 0, ratesSince: 0)
        let after = MonitorHub()
        after.restoreMinutes(from: store)
        #expect(after.rates.map(\.second) == before.rates.map(\.second))
        #expect(after.rates.map(\.packets) == before.rates.map(\.packets))
        func rows(_ hub: MonitorHub) -> [String: [UInt8]] {
            Dictionary(
                uniqueKeysWithValues: hub.scores.rows(of: 60, until: now).map { ($0.0, $0.1) })
        }
        let (old, new) = (rows(before), rows(after))
        #expect(new.count == 301 && new == old && new["db"]?.last == 100)
        // A flood of addresses cannot fill the disk.
        for number in 0..<4000 { before.scores.record("x\(number)", share: 1, minute: now / 60) }
        #expect(before.lastMinutes(until: now).evidence.count <= 400)
        #expect(before.lastMinutes(until: now).evidence.contains { $0.workload == "db" })
    }
}
