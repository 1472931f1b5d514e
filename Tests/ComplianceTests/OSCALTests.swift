import EventStore
import Foundation
import TestKit
import Testing

/// The reports of the standards in the program as OSCAL, and the check of a report's file.
struct OSCALTests {
    private let state: RecordedState

    init() throws {
        state = try RecordedState()
        try state.fill()
    }

    /// Values of a key anywhere in a document.
    private func values(_ key: String, in node: Any) -> [Any] {
        if let list = node as? [Any] { return list.flatMap { values(key, in: $0) } }
        guard let object = node as? [String: Any] else { return [] }
        return (object[key].map { [$0] } ?? [])
            + object.values.flatMap { values(key, in: $0) }
    }

    private func emptyParts(_ node: Any) -> Bool {
        if let list = node as? [Any] { return list.isEmpty || list.contains(where: emptyParts) }
        if let object = node as? [String: Any] {
            return object.isEmpty || object.values.contains(where: emptyParts)
        }
        return (node as? String)?.isEmpty ?? false
    }

    @Test(arguments: ["cis-docker", "hipaa", "nist-800-190", "pci-dss-4"])
    func aStandardOfTheProgramIsReported(standard: String) throws {
        let run = try state.report(["--format", "oscal"], standard: standard)
        #expect(run.status == 0, "\(run.errors)")
        let document = try #require(try run.json.first)
        let root = try #require(document["assessment-results"] as? [String: Any])
        #expect(Set(root.keys) == ["uuid", "metadata", "import-ap", "results", "back-matter"])
        let metadata = try #require(root["metadata"] as? [String: Any])
        for key in ["title", "last-modified", "version", "oscal-version"] {
            #expect(metadata[key] is String, "\(key)")
        }
        let result = try #require((root["results"] as? [[String: Any]])?.first)
        for key in ["uuid", "title", "description", "start", "reviewed-controls"] {
            #expect(result[key] != nil, "\(key)")
        }
        #expect(!emptyParts(document))
        for time in ["start", "end", "collected", "last-modified"].flatMap({
            values($0, in: document)
        }) {
            #expect("\(time)".wholeMatch(of: /[0-9-]{10}T[0-9:.]+Z/) != nil, "\(time)")
        }

        // Identifiers are of version 5 and unique; every reference leads to one.
        let identifiers = values("uuid", in: document).map { "\($0)" }
        #expect(Set(identifiers).count == identifiers.count)
        for text in identifiers {
            let form = /[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/
            #expect(text.wholeMatch(of: form) != nil, "\(text)")
        }
        let references =
            values("observation-uuid", in: document).map { "\($0)" }
            + values("href", in: document).map { "\($0)".replacingOccurrences(of: "#", with: "") }
        #expect(!references.isEmpty && Set(references).isSubset(of: identifiers))
        for token in ["control-id", "target-id"].flatMap({ values($0, in: document) }) {
            #expect("\(token)".wholeMatch(of: /[a-z][A-Za-z0-9._-]*/) != nil, "\(token)")
        }

        // Every control is named in one of the two lists, and has a section in the other formats.
        let count = values("control-id", in: document).count
        let html = try state.report(["--format", "html"], standard: standard)
        #expect(html.output.matches(of: /class="control"/).count == count)
        let text = try state.report([], standard: standard)
        #expect(text.output.matches(of: #/ {2}not shown: /#).count == count)
    }

    @Test func aReportIsVerifiedByItsDigestAndTheTrail() throws {
        let other = try RecordedState()
        try other.audit("policy", "fence", onDay: 1, "10.0.0.1")
        for format in ["text", "html", "oscal"] {
            let file = state.scratch.path("report.\(format)")
            let made = try state.report(["--format", format, "-o", file], standard: "hipaa")
            #expect(made.status == 0, "\(made.errors)")
            // Records that were added later change nothing.
            try state.audit("alice", "release", onDay: 6, "10.0.0.3")
            let whole = try Run("report", "verify", file, "--state", state.directory)
            #expect(whole.status == 0, "\(whole.errors)")
            #expect(whole.output.contains("head of the audit trail found: record 5,"))

            let strange = try Run("report", "verify", file, "--state", other.directory)
            #expect(strange.status == 1 && strange.errors.contains("has no record 5"))
            let text = try String(contentsOfFile: file, encoding: .utf8)
            try text.replacingOccurrences(of: "alice", with: "bobby").write(
                toFile: file, atomically: true, encoding: .utf8)
            let changed = try Run("report", "verify", file, "--state", state.directory)
            #expect(changed.status == 1 && changed.errors.contains("its content was changed"))
        }
        // What was pruned since is said to be.
        let file = state.scratch.path("report.text")
        #expect(try state.report(["-o", file], standard: "hipaa").status == 0)
        try state.store.pruneAudit(keeping: 1, time: state.moment(7))
        let pruned = try Run("report", "verify", file, "--state", state.directory)
        #expect(pruned.status == 1 && pruned.errors.contains("has pruned record 5"))
        let none = try Run("report", "verify", "/etc/hostname", "--state", state.directory)
        #expect(none.status == 1 && none.errors.contains("it is no report of lazaret"))
    }
}
