import Foundation
import TestKit
import Testing

/// The audit trail of a store that version 0.1.0 has written, and changes by a user who may write
/// the file.
@Suite(.needs("sqlite3"))
struct AuditTests {
    private let scratch = try! Scratch()

    /// Hashes of records 15, which is pruned, to 21, the record of pruning.
    private static let hashes = [
        "40277938d58f1441ef0a35c77a366876bf3afa5bd6ec48ea4f6be9a5cbd9c107",
        "7f15723961890e52876511ac185ef5b1ecde698c5d977eebcdb94a121a5f7b89",
        "f1e66e7c2d8f33d92a5d3eee627b480c4bfb92bd26f71adbcf5fe8946120f92f",
        "e06710881b7950687d792f631da5c4f98074af430f8e855a8c97426566a2dbc2",
        "2607efd30ae3604954f861b6a8a7db9df40fe60ffd7fdab23d32c6ebb977cf07",
        "49eed79f04e32124201fd1db99bd75179ebf08ec549beb4319b186e640410ff4",
        "fc54287819ea45996739754fba422d0d423a1ccfef7e92f6bf35521a39c85933",
    ]

    private static let layout = """
        CREATE TABLE fences (
            target TEXT NOT NULL, response TEXT NOT NULL, id TEXT NOT NULL, state TEXT NOT NULL,
            created INTEGER NOT NULL, until INTEGER NOT NULL, level INTEGER NOT NULL,
            reason TEXT NOT NULL, event TEXT NOT NULL, features TEXT NOT NULL, workload TEXT,
            actor TEXT NOT NULL, forced INTEGER NOT NULL, dry INTEGER NOT NULL,
            packets INTEGER NOT NULL, bytes INTEGER NOT NULL, ending TEXT NOT NULL,
            PRIMARY KEY (target, response, id)) WITHOUT ROWID;
        CREATE TABLE audit (
            number INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL,
            action TEXT NOT NULL, subject TEXT NOT NULL, detail TEXT NOT NULL,
            hash TEXT NOT NULL);
        CREATE TABLE audit_ends (
            one INTEGER PRIMARY KEY CHECK (one = 1), first INTEGER NOT NULL,
            before TEXT NOT NULL, last INTEGER NOT NULL, hash TEXT NOT NULL);
        CREATE TABLE events (
            id TEXT PRIMARY KEY, time INTEGER NOT NULL, kind TEXT NOT NULL,
            subject TEXT NOT NULL, body TEXT NOT NULL) WITHOUT ROWID;
        CREATE INDEX events_by_time ON events (time);
        CREATE TABLE models (
            id TEXT PRIMARY KEY, created INTEGER NOT NULL, path TEXT NOT NULL,
            note TEXT NOT NULL, active INTEGER NOT NULL) WITHOUT ROWID;
        CREATE TABLE settings (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE grdb_migrations (identifier TEXT NOT NULL PRIMARY KEY);
        INSERT INTO grdb_migrations VALUES ('1');
        """

    init() throws {
        var sql = Self.layout
        for number in 16...20 {
            sql += """
                INSERT INTO audit VALUES (\(number), \(number)000000000, 'test', 'fence',
                    '10.0.0.\(number)', 'why \(number)', '\(Self.hashes[number - 15])');
                """
        }
        sql += """
            INSERT INTO audit VALUES (21, 99000000000, 'lazaret', 'prune', 'audit',
                'records 1 to 15 forgotten; the last had hash \(Self.hashes[0])',
                '\(Self.hashes[6])');
            INSERT INTO audit_ends VALUES (1, 16, '\(Self.hashes[0])', 21, '\(Self.hashes[6])');
            """
        try tamper(sql)
    }

    private func tamper(_ statements: String) throws {
        try Namespace.command(["sqlite3", "-bail", scratch.path("lazaret.db"), statements])
    }

    private func verify(_ words: String...) throws -> Run {
        try Run(["audit", "verify", "--state", scratch.url.path] + words)
    }

    @Test func aStoreOfTheFirstVersionVerifiesAsBefore() throws {
        let pruned = "records before 16 were pruned by record 21 at 1970-01-01 00:01:39 UTC"
        let plain = try verify()
        #expect(plain.status == 0, "\(plain.output)\(plain.errors)")
        #expect(
            plain.output == "6 records from 16, whole; head \(Self.hashes[6])\n\(pruned)\n")
        // The hash of the last record that was pruned is found too; the pruning affected only what
        // was expected before it.
        for (number, hash) in Self.hashes.enumerated() {
            let run = try verify("--expect", hash)
            let place = number < 6 ? ", after the expected record\n" : "\n"
            #expect(run.status == 0 && run.output.hasSuffix(pruned + place), "\(run.output)")
        }
        let other = try verify("--expect", String(repeating: "0", count: 64))
        #expect(other.status == 1 && other.output.contains("no record has the hash 000"))
    }

    /// Every change of the file that needs no new hashes.
    @Test(
        arguments: [
            // The front is cut, and the noted start is changed accordingly.
            (
                """
                UPDATE audit_ends SET first = 19,
                    before = (SELECT hash FROM audit WHERE number = 18);
                DELETE FROM audit WHERE number < 19
                """, "the trail begins with record 19, but no record states"
            ),
            (
                """
                UPDATE audit_ends SET first = 22, before = hash; DELETE FROM audit
                """, "the trail begins with record 22, but no record states"
            ),
            ("DELETE FROM audit WHERE number < 19", "records 16 to 18 are missing"),
            ("DELETE FROM audit WHERE number = 18", "record 18 is missing"),
            ("UPDATE audit_ends SET before = ''", "record 16 was changed"),
            (
                "UPDATE audit SET detail = replace(detail, '15', '18') WHERE number = 21",
                "record 21 was changed"
            ),
            // Changes that are invisible to a reader of C strings, or to one that repairs texts.
            (
                "UPDATE audit SET detail = detail || char(0) || 'x' WHERE number = 17",
                "record 17 was changed"
            ),
            (
                "UPDATE audit SET hash = hash || char(0) || 'x' WHERE number = 17",
                "record 17 was changed"
            ),
            (
                "UPDATE audit SET detail = CAST(detail AS BLOB) WHERE number = 17",
                "record 17 was changed"
            ),
            ("UPDATE audit SET time = time + 0.5 WHERE number = 17", "record 17 was changed"),
            // Numbers at their limits.
            (
                "UPDATE audit_ends SET first = -9223372036854775808, last = 9223372036854775807",
                "are missing"
            ),
            ("UPDATE audit SET number = 9223372036854775807 WHERE number = 21", "are missing"),
            ("DELETE FROM audit_ends", "the trail's noted end is not record 0"),
        ])
    func whatIsDoneToTheFileIsFound(statements: String, problem: String) throws {
        try tamper(statements)
        for words in [[], ["--expect", Self.hashes[6]]] {
            let run = try Run(["audit", "verify", "--state", scratch.url.path] + words)
            #expect(run.status == 1, "\(run.output)")
            #expect(run.output.contains(problem), "\(run.output)")
            #expect(run.errors.contains("was tampered with"), "\(run.errors)")
        }
    }

    /// A replacement character and an invalid byte are decoded to the same text.
    @Test func bytesThatAreNoTextAreFound() throws {
        let report = try verify()
        #expect(report.status == 0)
        try tamper("UPDATE audit SET subject = CAST(x'ff' AS TEXT) WHERE number = 17")
        let run = try verify()
        #expect(run.status == 1 && run.output.contains("record 17 was changed"), "\(run.output)")
    }

    @Test(arguments: ["", "00", String(repeating: "g", count: 64)])
    func whatIsNoHashIsNotExpected(text: String) throws {
        let run = try verify("--expect", text)
        #expect(run.status == 2, "\(run.status)")
        #expect(run.errors.contains("must be 64 hexadecimal digits"), "\(run.errors)")
    }
}
