import AttackPatterns
import Events
import Foundation
import Testing
import TextFormats

@testable import EventDelivery
import Timestamps

/// A board that expectations may change.
private final class Board {
    private var board = AlertBoard(node: "gw1")

    var unsent: Int { board.unsent }

    func take(_ brief: EventBrief, now: Instant, time: Timestamp) -> Bool {
        board.take(brief, now: now, time: time)
    }

    func batch(now: Instant, time: Timestamp) -> AlertBoard.Batch? {
        board.batch(now: now, time: time)
    }

    func sent(_ batch: AlertBoard.Batch, now: Instant) { board.sent(batch, now: now) }
}

/// What an Alertmanager is told.
struct AlertBoardTests {
    private let start = Instant(nanoseconds: 1_000_000_000_000)
    private let time = Clock.now()

    private func take(_ event: Event, _ board: Board, at second: Int = 0) throws -> Bool {
        board.take(
            try #require(EventBrief(event)), now: start + .seconds(second),
            time: time + .seconds(second))
    }

    /// The alerts of the next batch, which arrives.
    private func post(_ board: Board, at second: Int) throws -> [[String: Any]] {
        let now = start + .seconds(second)
        guard let batch = board.batch(now: now, time: time + .seconds(second)) else { return [] }
        board.sent(batch, now: now)
        return try #require(
            try JSONSerialization.jsonObject(with: Data(batch.body)) as? [[String: Any]])
    }

    private func label(_ name: String, _ alert: [String: Any]) -> String {
        (alert["labels"] as? [String: String])?[name] ?? ""
    }

    private func note(_ name: String, _ alert: [String: Any]) -> String {
        (alert["annotations"] as? [String: String])?[name] ?? ""
    }

    private func moment(_ name: String, _ alert: [String: Any]) throws -> Double {
        let text = try #require(alert[name] as? String)
        return try #require(UTC.time(text)).secondsSince1970 - time.secondsSince1970
    }

    @Test func anIncidentFiresAndIsResolvedWhenItIsQuiet() throws {
        let board = Board()
        #expect(try take(notedAlert("10.0.0.1", name: "worker"), board))
        let first = try #require(try post(board, at: 1).first)
        #expect(label("alertname", first) == "LazaretIncident")
        #expect(label("workload", first) == "worker" && label("pattern", first) == "port_scan")
        #expect(label("severity", first) == "medium" && label("node", first) == "gw1")
        #expect(note("addresses", first) == "10.0.0.1")
        #expect(note("explain", first) == "lazaret explain 0123456789abcdef")
        #expect(try moment("endsAt", first) > 60 && moment("startsAt", first) <= 0)
        // It continues for a while, without anything new, and is renewed once a minute.
        var renewals = 0
        for second in stride(from: 10, to: 300, by: 10) {
            #expect(try !take(notedAlert("10.0.0.1", name: "worker"), board, at: second))
            let posted = try post(board, at: second)
            renewals += posted.count
            for alert in posted { #expect(try moment("endsAt", alert) > Double(second)) }
        }
        #expect((3...5).contains(renewals))
        #expect(try post(board, at: 400).allSatisfy { try moment("endsAt", $0) > 400 })
        let last = try #require(try post(board, at: 600).first)
        #expect(try moment("endsAt", last) <= 600 && moment("startsAt", last) <= 0)
        #expect((last["labels"] as? [String: String]) == (first["labels"] as? [String: String]))
        #expect(try post(board, at: 900).isEmpty && board.unsent == 0)
    }

    @Test func aFenceFiresUntilItIsOver() throws {
        for end in [Event.QuarantineChange.Action.release, .expire] {
            let board = Board()
            #expect(try take(notedAlert("10.0.0.1", name: "worker"), board))
            #expect(try take(notedChange(.add, "10.0.0.1", name: "worker"), board))
            let both = try post(board, at: 1)
            #expect(both.count == 2)
            let fence = try #require(both.first { label("alertname", $0) == "LazaretQuarantine" })
            #expect(note("release", fence) == "lazaret quarantine release 10.0.0.1")
            // If the monitor ends, the alert ends with the fence.
            #expect(try (600...800).contains(Int(moment("endsAt", fence))))
            #expect(try take(notedChange(end, "10.0.0.1"), board, at: 5))
            let over = try post(board, at: 5).filter { try moment("endsAt", $0) <= 5 }
            // Who releases an offender says that the incident is over, too.
            #expect(over.count == (end == .release ? 2 : 1))
        }
    }

    @Test func aFenceWhoseEndWasNotReportedIsResolvedToo() throws {
        let board = Board()
        #expect(try take(notedChange(.add, "10.0.0.1"), board))
        _ = try post(board, at: 1)
        #expect(try !post(board, at: 650).contains { try moment("endsAt", $0) > 650 })
    }

    /// Whoever forges addresses or starts containers must not fill the Alertmanager.
    @Test func labelsAreBounded() throws {
        let board = Board()
        for number in 0..<20_000 {
            let address = "10.\(number / 60_000).\(number / 250).\(number % 250)"
            _ = try take(notedAlert(address), board)
        }
        let forged = try post(board, at: 1)
        #expect(forged.count == 1)
        let one = try #require(forged.first)
        #expect(label("workload", one) == "unknown")
        let who = note("addresses", one)
        #expect(who.contains("others beyond") && who.count < 300)
        for number in 0..<3000 {
            _ = try take(
                notedAlert("10.9.\(number / 250).\(number % 250)", name: "w\(number)"), board)
        }
        let all = try post(board, at: 100)
        #expect(all.count <= AlertBoard.mostAlerts + 1)
        let others = all.filter { label("alertname", $0) == "LazaretManyIncidents" }
        #expect(others.count == 1)
        #expect(others.first.map { note("addresses", $0).contains("others beyond") } == true)
        for alert in all {
            let labels = try #require(alert["labels"] as? [String: String])
            #expect(Set(labels.keys) == ["alertname", "severity", "workload", "pattern", "node"])
            #expect(labels.values.allSatisfy { !$0.isEmpty && $0.unicodeScalars.count <= 64 })
        }
        let hostile = "<!channel>`" + String(repeating: "é\u{202E}\n\"", count: 1000)
        let small = Board()
        #expect(try take(notedAlert("10.0.0.1", name: hostile, reason: hostile), small))
        let alert = try #require(try post(small, at: 1).first)
        #expect(label("workload", alert).unicodeScalars.count <= 64)
        #expect(label("workload", alert).unicodeScalars.allSatisfy { $0.value >= 0x20 })
        #expect(note("description", alert).unicodeScalars.count < 1000)
        // Alertmanager's templates for Slack pass them on unescaped.
        let texts = [
            label("workload", alert), note("description", alert), note("summary", alert),
        ]
        for text in texts {
            #expect(text.contains("‹!channel›'") && !text.contains("<"))
        }
    }

    @Test func whatDidNotArriveIsSentAgain() throws {
        let board = Board()
        #expect(try take(notedChange(.add, "10.0.0.1"), board))
        let lost = board.batch(now: start, time: time)
        #expect(lost?.count == 1 && board.unsent == 1)
        // Meanwhile it is over: the resolved alert is what arrives.
        #expect(try take(notedChange(.release, "10.0.0.1"), board, at: 1))
        let posted = try post(board, at: 2)
        #expect(posted.count == 1 && board.unsent == 0)
        #expect(try posted.allSatisfy { try moment("endsAt", $0) <= 2 })
    }

    @Test func aDryRunAndARefusalFireNothing() throws {
        let board = Board()
        var event = try notedChange(.add, "10.0.0.1")
        if case .quarantine(var change) = event.payload {
            change.isDryRun = true
            event.payload = .quarantine(change)
        }
        #expect(try !take(event, board) && !take(notedChange(.refuse, "10.0.0.2"), board))
        #expect(try post(board, at: 1).isEmpty)
        #expect(try take(notedChange(.refuse, "10.0.0.3", failure: "no memory"), board))
        let failed = try #require(try post(board, at: 2).first)
        #expect(label("alertname", failed) == "LazaretFenceFailed")
        #expect(label("severity", failed) == "high")
        #expect(note("description", failed).contains("failed: no memory"))
    }
}
