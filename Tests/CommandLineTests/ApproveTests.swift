import Foundation
import TestKit
import Testing
import Timestamps

/// `lazaret model approve`: what a review accepts gets into the model, and nothing else.
@Suite(.serialized)
struct ApproveTests {
    private let scratch: Scratch
    private let model: String
    /// The report of a capture with one new contact: of web with db.
    private let lateral: String
    private let report: String

    private static let lateralFilter = "host 10.60.1.12 and host 10.60.3.5"

    init() throws {
        scratch = try Scratch()
        model = try scratch.model()
        lateral = try Run(
            "check", "-m", model, "-r", "captures/mixed.pcap", "--format", "json",
            Self.lateralFilter
        ).output
        report = try scratch.write("lateral.json", Data(lateral.utf8))
    }

    private func findings(_ model: String) throws -> [[String: Any]] {
        let run = try Run(
            "check", "-m", model, "-r", "captures/mixed.pcap", "--format", "json")
        return try #require(try run.json.first?["findings"] as? [[String: Any]], "\(run.errors)")
    }

    private func bytes(_ path: String) throws -> Data {
        try Data(contentsOf: URL(fileURLWithPath: path))
    }

    /// Expects one line with the reason.
    private func expect(
        _ run: Run, _ status: Int32, _ said: String, _ location: SourceLocation = #_sourceLocation
    ) {
        #expect(run.status == status, "\(run.errors)", sourceLocation: location)
        let lines = run.errors.split(separator: "\n")
        #expect(
            lines.count == 1 && run.errors.contains(said), "\(run.errors)",
            sourceLocation: location)
    }

    /// A review accepts one contact: it is known from then on, and nothing else is.
    @Test func approvedContactsAndNamesAreKnownInTheNewModelOnly() throws {
        let before = try bytes(model)
        let next = scratch.path("next.model")
        let run = try Run("model", "approve", model, report, "-o", next)
        #expect(run.status == 0 && run.output.hasPrefix("+ web -> db TCP 5432\n"), "\(run.errors)")
        #expect(run.output.count { $0 == "\n" } == 2, "\(run.output)")
        #expect(try bytes(model) == before)
        #expect(try Run("model", "verify", next).status == 0)
        let difference = try Run("model", "diff", model, next)
        #expect(difference.output == "+ web -> db TCP 5432\n", "\(difference.output)")
        let (old, new) = try (findings(model), findings(next))
        let (left, right) = (
            old.compactMap { $0["what"] as? String }, new.compactMap { $0["what"] as? String }
        )
        let gone = left.filter { !right.contains($0) }
        #expect(gone.count == 1 && gone.first?.hasPrefix("web (10.60.1.12) -> db ") == true)
    }

    /// All at once, in place: the diff lists what was added, and only volumes are found again.
    @Test func allContactsAddressesAndNamesAreAccepted() throws {
        let old = scratch.path("old.model")
        try FileManager.default.copyItem(atPath: model, toPath: old)
        let all = scratch.path("all.json")
        let checked = try Run(
            "check", "-m", model, "-r", "captures/mixed.pcap", "--format", "json", "-o", all)
        #expect(checked.status == 3)
        let run = try Run("model", "approve", model, all, "-o", model)
        #expect(run.status == 0 && run.errors.contains("volumes are not accepted"))
        #expect(run.output.contains(/\+ backup -> outside \(203\.0\.113\.92\) TCP 443\n/))
        let kinds = try findings(model).compactMap { $0["kind"] as? String }
        #expect(!kinds.isEmpty && kinds.allSatisfy { $0 == "new-volume" }, "\(kinds)")
        let difference = try Run("model", "diff", old, model).output
        #expect(difference.contains("+ outside address 203.0.113.92\n"), "\(difference)")
        #expect(difference.contains(/\+ \d+ DNS names\n/), "\(difference)")
        let back = try Run("model", "diff", model, old).output
        #expect(back.contains("- outside address 203.0.113.92\n"), "\(back)")
        // The same review is of the old model.
        expect(try Run("model", "approve", model, all, "-o", model), 1, "findings of model")
    }

    /// The summary of a finding is for people; what is added is listed, whatever the summary says.
    @Test func anEditedReportAddsNothingThatIsNotListed() throws {
        let next = scratch.path("next.model")
        let said = try scratch.write(
            "said.json",
            Data(
                lateral.replacingOccurrences(of: "web (10.60.1.12) -> db", with: "web -> cache")
                    .utf8))
        let run = try Run("model", "approve", model, said, "-o", next)
        #expect(run.status == 0 && run.output.hasPrefix("+ web -> db TCP 5432\n"), "\(run.errors)")
        let nesting = String(repeating: "[", count: 9999)
        let (contact, name) = (#""kind":"new-contact""#, #""names":[{"name":"a b"}]"#)
        for (old, new, reason) in [
            (#""peer":"db""#, #""peer":"cache""#, "names 'db'"),
            ("10.60.3.5", "10.60.3.6", "names 'cache'"),
            (#"["10.60.3.5"]"#, "[]", "has no address of 'db'"),
            (#"["10.60.3.5"]"#, #"["10.60.3.5","10.60.3.6"]"#, "names 'cache'"),
            (#"["10.60.3.5"]"#, #"["db"]"#, "'db' is no address"),
            (#""transport":"TCP""#, #""transport":"XTP""#, "'XTP' is no protocol"),
            (#""port":5432,"#, "", "or has no port"),
            (#""port":5432"#, #""port":70000"#, "is not a report"),
            (contact, "\(contact),\(name)", "'a b' is no DNS name"),
            (#""model":""#, #""model":"\u001b[31m"#, "findings of model ?[31m"),
            (#""findings":["#, #""findings":["# + nesting, "is not a report"),
        ] {
            let text = lateral.replacingOccurrences(of: old, with: new)
            #expect(text != lateral, "\(old)")
            let edited = try scratch.write("edited.json", Data(text.utf8))
            expect(try Run("model", "approve", model, edited, "-o", next), 1, reason)
        }
        #expect(try findings(next).count == findings(model).count - 1)
    }

    @Test func errorsAreOneLineWithTheDocumentedCode() throws {
        let capture = "captures/clean-test.pcap"
        let clean = scratch.path("clean.json")
        let checked = try Run(
            "check", "-m", model, "-r", capture, "--without", "new-name", "--format", "json",
            "-o", clean)
        #expect(checked.status == 3)
        let text = try scratch.write("text", Data("no model\n".utf8))
        let empty = try scratch.write("empty.pcap", Data(CaptureFile.pcap([])))
        let nothing = try scratch.write("nothing.pcap", Data())
        let huge = try scratch.write("huge.json", Data())
        try FileHandle(forWritingTo: URL(fileURLWithPath: huge)).truncate(atOffset: 65 << 20)
        var old = try bytes(model)
        old["LAZARET MODEL\n".utf8.count] = 2
        let older = try scratch.write("older.model", old)
        let half = try scratch.write("half.model", try bytes(model).prefix(10_000))
        let other = scratch.path("other.model")
        #expect(try Run("train", "-r", capture, "-o", other).status == 0)
        let out = scratch.path("out.model")
        for (words, status, said) in [
            (["check", "-m", text, "-r", capture], 1, "is not a Lazaret model"),
            (["check", "-m", older, "-r", capture], 1, "has format version 2"),
            (["check", "-m", half, "-r", capture], 1, "SHA-256 does not match"),
            (["check", "-m", model, "-r", text], 1, "text"),
            (["check", "-m", model, "-r", empty], 1, "nothing was checked"),
            (["check", "-m", model, "-r", nothing], 1, "is empty"),
            (["check", "-m", model], 2, "-r FILE"),
            (["check", "-r", capture], 2, "--model"),
            (["check", "-m", model, "-r", capture, "--format", "xml"], 2, "xml"),
            (["check", "-m", model, "-r", capture, "-o", scratch.path("no/out")], 1, "folder"),
            (["check", "-m", model, "-r", capture, "-o", "/dev/full"], 1, "No space left"),
            (["model", "approve", text, report, "-o", out], 1, "is not a Lazaret model"),
            (["model", "approve", older, report, "-o", out], 1, "has format version 2"),
            (["model", "approve", half, report, "-o", out], 1, "SHA-256 does not match"),
            (["model", "approve", model, text, "-o", out], 1, "is not a report"),
            (["model", "approve", model, huge, "-o", out], 1, "too large"),
            (["model", "approve", model, scratch.path("none"), "-o", out], 1, "none"),
            (["model", "approve", model, clean, "-o", out], 1, "no contact and no name"),
            (["model", "approve", other, report, "-o", out], 1, "findings of model"),
            (["model", "approve", model, report, "-o", scratch.path("no/out")], 1, "folder"),
            (["model", "approve", model, report], 2, "--output"),
        ] as [([String], Int32, String)] {
            expect(try Run(words), status, said)
        }
        #expect(!FileManager.default.fileExists(atPath: out))
    }

    // MARK: - Faults

    /// A program that reads its findings from a pipe, which the test holds open.
    private func started(_ model: String) throws -> (program: Background, pipe: FileHandle) {
        let path = scratch.path("findings.pipe")
        try #require(mkfifo(path, 0o600) == 0)
        let program = try Background(["model", "approve", model, path, "-o", model])
        var number: Int32 = -1
        // There is a reader as soon as the program has read the model.
        let isOpen = eventually {
            number = open(path, O_WRONLY | O_NONBLOCK)
            return number >= 0 || !program.isRunning
        }
        try #require(isOpen && number >= 0, "\(program.errors)")
        return (program, FileHandle(fileDescriptor: number, closeOnDealloc: true))
    }

    /// Somebody else approves in the meantime: their model stays.
    @Test func aModelThatWasReplacedMeanwhileIsNotOverwritten() throws {
        let next = scratch.path("next.model")
        #expect(try Run("model", "approve", model, report, "-o", next).status == 0)
        let theirs = try bytes(next)
        let (program, pipe) = try started(model)
        try FileManager.default.removeItem(atPath: model)
        try FileManager.default.moveItem(atPath: next, toPath: model)
        try pipe.write(contentsOf: Data(lateral.utf8))
        try pipe.close()
        #expect(program.status == 1)
        #expect(program.errors.contains("was replaced meanwhile"), "\(program.errors)")
        #expect(try bytes(model) == theirs)
    }

    @Test func anInterruptedApprovalChangesNothing() throws {
        let before = try bytes(model)
        let (program, pipe) = try started(model)
        try pipe.write(contentsOf: Data(lateral.utf8))
        program.signal(SIGINT)
        try pipe.close()
        #expect(program.status == 130, "\(program.errors)")
        #expect(program.errors == "lazaret: interrupted; nothing was written\n")
        #expect(try bytes(model) == before)
        #expect(try files(scratch.url.path) == ["clean.model", "findings.pipe", "lateral.json"])
    }

    private func files(_ folder: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
    }

    /// A full disk, and a folder in which nothing can be written.
    @Test(.needsKernel) func aModelThatCannotBeWrittenStays() throws {
        let disk = try SmallDisk(mib: 4)
        let own = disk.path + "/own.model"
        try FileManager.default.copyItem(atPath: model, toPath: own)
        let before = try bytes(model)
        try disk.fill()
        expect(try Run("model", "approve", own, report, "-o", own), 1, "No space left on device")
        #expect(try bytes(own) == before)
        #expect(try files(disk.path) == ["filler", "own.model"])
        try disk.empty()
        try Namespace.command(["mount", "-o", "remount,ro", disk.path])
        expect(try Run("model", "approve", own, report, "-o", own), 1, "Read-only file system")
        try Namespace.command(["mount", "-o", "remount,rw", disk.path])
        #expect(try bytes(own) == before)
        #expect(try Run("model", "approve", own, report, "-o", own).status == 0)
    }
}
