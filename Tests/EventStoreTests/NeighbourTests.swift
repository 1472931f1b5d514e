import EventStore
import Foundation
import Quarantine
import TestKit
import Testing

/// A monitor has its store open twice, and the command line reads it at the same time.
@Suite(.needs("sqlite3"))
struct NeighbourTests {
    @Test func readingByAnotherProgramLosesNoData() throws {
        let scratch = try Scratch()
        let (ledger, history) = (try scratch.store(), try scratch.store())
        try ledger.write([rule("10.0.0.1")], [entry(1)])
        try scratch.tamper("SELECT count(*) FROM fences")
        // The last connection to close deletes the log; SQLite must know that this one is not the
        // last.
        #expect(FileManager.default.fileExists(atPath: scratch.path + "/lazaret.db-wal"))
        try ledger.write([rule("10.0.0.2")], [entry(2)])
        try history.set("later", to: "yes")
        let seen = try Namespace.command([
            "sqlite3", scratch.path + "/lazaret.db", "SELECT target FROM fences",
        ])
        #expect(seen == "10.0.0.1\n10.0.0.2\n")
        #expect(try ledger.damage() == nil && history.setting("later") == "yes")
    }
}
