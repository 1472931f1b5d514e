import Foundation
import TestKit
import Testing

/// Names in a capture, which are untrusted: the file's author may have written them.
@Suite(.serialized)
struct NotesTests {
    private let scratch = try! Scratch()

    /// The sample capture, after these notes.
    private func capture(_ notes: [String]) throws -> String {
        let sample = try Data(
            contentsOf: Run.root.appendingPathComponent("captures/mixed.pcap"))
        var file = CaptureFile.pcapng([], []) + notes.flatMap(CaptureFile.note)
        file += CaptureFile.pcapng([.init()], CaptureFile.records(ofPcap: [UInt8](sample)))
        return try scratch.write("noted.pcapng", Data(file))
    }

    private func replay(_ capture: String, _ model: String, _ words: String...) throws -> Run {
        let run = try Run(["replay", "-r", capture, "-m", model, "--format", "eve"] + words)
        #expect(run.status == 0, "\(run.errors)")
        return run
    }

    /// Offenders with their workloads.
    private func offenders(_ run: Run) throws -> Set<String> {
        Set(
            try run.json.compactMap { event in
                guard let details = event["lazaret"] as? [String: Any],
                    let name = details["workload"] as? String
                else { return nil }
                return "\(event["src_ip"] ?? "?") \(name)"
            })
    }

    private func note(_ names: [String: String], gateway: String? = nil) -> String {
        let holders = names.map { #"{"address":"\#($0.key)","workload":"\#($0.value)"}"# }
        let network = gateway.map {
            #","networks":[{"name":"jobs","prefix":"10.60.4.0/26","gateway":"\#($0)"}]"#
        }
        return #"{"holders":[\#(holders.joined(separator: ","))]\#(network ?? "")}"#
    }

    @Test func namesFromACaptureAreShownButNotTrusted() throws {
        let model = try scratch.model()
        let plain = try offenders(replay("captures/mixed.pcap", model))
        #expect(plain.contains("10.60.4.13 worker"), "\(plain)")
        let forged = try capture([
            note(["10.60.4.13": "db", "10.60.3.5": "worker"], gateway: "10.60.4.13")
        ])
        let doubted = try replay(forged, model)
        #expect(try offenders(doubted) == plain)
        #expect(
            doubted.errors.contains("name workloads (db, worker) and are not believed")
                && doubted.errors.contains("--trust-notes"), "\(doubted.errors)")
        // The user trusts the names.
        let named = try capture([note(["10.60.4.13": "db"])])
        let trusted = try offenders(replay(named, model, "--trust-notes"))
        #expect(trusted.contains("10.60.4.13 db"), "\(trusted)")
        for command in ["train", "rank"] {
            let words =
                command == "rank"
                ? ["replay", "-r", forged] : ["train", "-r", forged, "-o", scratch.path("m")]
            let run = try Run(words)
            #expect(run.status == 0 && run.errors.contains("are not believed"), "\(run.errors)")
        }
        let learned = try Run("model", "show", scratch.path("m"))
        // Not as a part of an identifier.
        let words = learned.output.split { !$0.isLetter && !$0.isNumber }
        #expect(!words.contains("db"), "\(learned.output)")
    }

    /// Reserved names are refused even in a trusted capture.
    @Test(arguments: ["node", "outside", "group", "10.60.1.9", "gateway of jobs", "image x"])
    func reservedNamesAreNotAssigned(name: String) throws {
        let model = try scratch.model()
        let plain = try offenders(replay("captures/mixed.pcap", model))
        let forged = try capture([note(["10.60.4.13": name])])
        #expect(try offenders(replay(forged, model, "--trust-notes")) == plain)
        let file = try scratch.write(
            "inventory.yaml",
            Data("workloads: [{name: '\(name)', addresses: [10.60.4.13]}]\n".utf8))
        let given = try Run("replay", "-r", "captures/mixed.pcap", "--inventory", file)
        #expect(
            given.status == 1 && given.errors.contains("is a name that Lazaret gives itself"),
            "\(given.errors)")
    }

    /// 60 MB of notes, more than are kept for one packet.
    @Test(.needs("python3"), arguments: [[], ["--trust-notes"]])
    func manyNotesNeedABoundedAmountOfMemory(words: [String]) throws {
        var notes: [String] = []
        for block in 0..<2000 {
            let names = (0..<200).map { number in
                (
                    "fd00::\(String(block, radix: 16)):\(String(number, radix: 16))",
                    "workload-\(block)-\(number)-" + String(repeating: "x", count: 100)
                )
            }
            notes.append(note(Dictionary(uniqueKeysWithValues: names)))
        }
        let file = try capture(notes)
        let run = try Bounded(["replay", "-r", file, "-m", try scratch.model()] + words)
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.errors.contains(words.isEmpty ? "not believed" : "past the limit"))
        #expect(run.peakBytes < 600 << 20, "\(run.peakBytes >> 20) MiB")
    }
}
