import Foundation
import NetworkAddresses
import Risk
import TestKit
import Testing
import Timestamps

@testable import EventStore

/// Days of risk in the store: what a trend is made of.
struct RiskDayTests {
    private let today = 20_000

    private func time(_ day: Int, _ second: Int = 3600) -> Timestamp {
        Timestamp(second: Int64(day * 86_400 + second))
    }

    private func day(_ number: Int, _ score: Double, peers: Int = 0) -> RiskDay {
        var day = RiskDay(day: number, score: score)
        day.newOutsidePeers = peers
        return day
    }

    @Test func daysSurviveARestartAndKeepTheirHighest() throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        try store.record(risk: [("web", day(today, 50.125, peers: 3))], now: time(today))
        try store.record(risk: [("web", day(today, 20))], now: time(today, 7200))
        var tomorrow = day(today + 1, 30)
        tomorrow.findings = 2
        try scratch.store().record(risk: [("web", tomorrow)], now: time(today + 1))
        let found = try scratch.store().risk(since: today, until: time(today + 1))
        #expect(found == ["web": [day(today, 50.125, peers: 3), tomorrow]])
        #expect(try store.risk(since: today + 1, until: time(today + 1))["web"] == [tomorrow])
    }

    @Test func aClockThatWasSetForwardLeavesNoTrace() throws {
        let store = try Scratch().store()
        try store.record(risk: [("web", day(today, 10))], now: time(today))
        // The same day later, and a day in a hundred years.
        try store.record(risk: [("web", day(today, 90))], now: time(today, 80_000))
        try store.record(risk: [("web", day(today + 36_500, 99))], now: time(today + 36_500))
        // Set back: what is later than now is not shown, and replaced.
        #expect(try store.risk(since: 0, until: time(today)).isEmpty)
        try store.record(risk: [("web", day(today, 12))], now: time(today, 4000))
        #expect(try store.risk(since: 0, until: time(today, 4000)) == ["web": [day(today, 12)]])
    }

    @Test func daysAndWorkloadsAreBounded() throws {
        let store = try Scratch().store()
        for number in 0..<EventStore.riskDays + 5 {
            let now = today + number
            try store.record(risk: [("web", day(now, 1)), ("db", day(now, 2))], now: time(now))
        }
        let last = today + EventStore.riskDays + 4
        let kept = try store.risk(since: 0, until: time(last))
        #expect(kept["web"]?.count == EventStore.riskDays && kept["web"]?.last?.day == last)
        // Names without end do not push the riskiest out.
        for round in 0..<3 {
            let many = (0..<EventStore.riskWorkloads).map {
                ("w\(round)-\($0)", day(last, Double($0) / 100))
            }
            try store.record(risk: many, now: time(last))
        }
        try store.record(risk: [("guilty", day(last, 80))], now: time(last))
        let names = try store.risk(since: last, until: time(last))
        #expect(names.count == EventStore.riskWorkloads && names["guilty"] != nil)
        #expect(names["w2-0"] == nil)
    }

    @Test func anAddressIsErased() throws {
        let store = try Scratch().store()
        try store.record(
            risk: [("10.0.0.1", day(today, 5)), ("10.0.0.11", day(today, 5))], now: time(today))
        let address = try #require(IPAddress("10.0.0.1"))
        _ = try store.erase(address, actor: "test", now: time(today))
        #expect(try Array(store.risk(since: 0, until: time(today)).keys) == ["10.0.0.11"])
    }
}
