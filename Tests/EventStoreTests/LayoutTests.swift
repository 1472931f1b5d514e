import Foundation
import Quarantine
import SQLite
import TestKit
import Testing

@testable import EventStore

/// The creation of a store's file, and the migration of one from another version.
struct LayoutTests {
    @Test func aCommitSurvivesAPowerCut() throws {
        let store = try Scratch().store()
        let (synchronous, journal) = try store.read {
            (try $0.integer("PRAGMA synchronous"), try $0.text("PRAGMA journal_mode"))
        }
        // 2 is FULL: in WAL mode each commit waits until its log is on the disk.
        #expect(synchronous == 2 && journal == "wal")
    }

    @Test(.needs("sqlite3"))
    func aStoreOfANewerProgramIsRefused() throws {
        let scratch = try Scratch()
        try scratch.store().set("a", to: "1")
        try scratch.tamper("INSERT INTO grdb_migrations VALUES ('999')")
        #expect(throws: EventStoreError.newer(path: scratch.path + "/lazaret.db")) {
            try scratch.store()
        }
        try scratch.tamper("DELETE FROM grdb_migrations WHERE identifier = '999'")
        #expect(try scratch.store().setting("a") == "1")
    }

    @Test(.needs("sqlite3"))
    func aStoreOfAnOlderProgramIsMigrated() throws {
        let scratch = try Scratch()
        try scratch.store().write([rule("10.0.0.1")], [entry(1)])
        try scratch.tamper("DROP TABLE stats; DELETE FROM grdb_migrations WHERE identifier = '3'")
        let store = try scratch.store()
        try store.record(statistics: [statistics(time: 1)])
        #expect(try store.statistics(limit: 9).count == 1)
        #expect(try store.openRules().count == 1 && store.verifyAudit().records == 1)
    }

    @Test func theFirstProcessToOpenTheStoreCreatesIt() async throws {
        let scratch = try Scratch()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...8 {
                group.addTask { try scratch.store().set("from \(number)", to: "yes") }
            }
            try await group.waitForAll()
        }
        let store = try scratch.store()
        for number in 1...8 { #expect(try store.setting("from \(number)") == "yes") }
    }

    @Test func threadsOfOneStoreTakeTurns() async throws {
        let scratch = try Scratch()
        let store = try scratch.store()
        try await withThrowingTaskGroup(of: Void.self) { group in
            for number in 1...8 {
                group.addTask {
                    for _ in 1...5 { try store.write([], [entry(number)]) }
                }
            }
            try await group.waitForAll()
        }
        let report = try store.verifyAudit()
        #expect(report.problems.isEmpty && report.records == 40)
    }

    @Test func aFailedWriteIsRolledBack() throws {
        let store = try Scratch().store()
        #expect(throws: EventStoreError.database("UNIQUE constraint failed: settings.name")) {
            try store.write {
                try $0.execute("INSERT INTO settings VALUES (?, ?)", ["a", "1"])
                try $0.execute("INSERT INTO settings VALUES (?, ?)", ["a", "2"])
            }
        }
        #expect(try store.setting("a") == nil)
        try store.set("a", to: "3")
        #expect(try store.setting("a") == "3")
    }

    /// A zero byte, multi-byte characters, and an empty text.
    @Test(arguments: ["", "a\u{0}b", "Grüße 🦠", String(repeating: "x", count: 1 << 20)])
    func textsAreReadAsTheyWereWritten(text: String) throws {
        let store = try Scratch().store()
        try store.set("text", to: text)
        #expect(try store.setting("text") == text)
        var stored = rule("10.0.0.1")
        stored.workload = text.isEmpty ? nil : text
        try store.write([stored], [])
        #expect(try store.openRules() == [stored])
    }
}
