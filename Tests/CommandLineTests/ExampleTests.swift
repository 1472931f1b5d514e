import Foundation
import TestKit
import Testing

/// The examples of the documentation work with the sample captures.
struct ExampleTests {
    private let scratch: Scratch
    private let model: String

    init() throws {
        scratch = try Scratch()
        model = try scratch.model()
    }

    private func page(_ name: String) throws -> String {
        try String(contentsOf: Run.root.appendingPathComponent(name), encoding: .utf8)
    }

    /// The commands of a page that begin with these words, with the files of this test.
    private func commands(_ begin: String, of page: String) -> [[String]] {
        page.split(separator: "\n").filter { $0.hasPrefix("    \(begin)") }.map { line in
            line.split(separator: " ").dropFirst().map {
                $0 == "out/demo.model"
                    ? model
                    : $0.hasPrefix("out/") ? scratch.path(String($0.dropFirst(4))) : String($0)
            }
        }
    }

    @Test func theReadmesAlertIsExplained() throws {
        let readme = try page("README.md")
        let made = commands("lazaret replay -r captures/mixed.pcap -m out/demo.model", of: readme)
        let asked = commands("lazaret explain", of: readme).filter { $0.contains("-r") }
        #expect(made.count == 1 && asked.count == 1)
        for words in made + asked {
            let run = try Run(words)
            #expect(run.status == 0, "\(words): \(run.errors)")
        }
    }

    @Test func identifiersOfExamplesExist() throws {
        let run = try Run(
            "replay", "-r", "captures/mixed.pcap", "-m", model, "--format", "json")
        let known = Set(try run.json.compactMap { $0["event_id"] as? String })
        var count = 0
        for name in ["README.md", "docs/detection.md", "docs/monitor.md"] {
            for match in try page(name).matches(of: /\b[0-9a-f]{16}\b/) {
                #expect(known.contains(String(match.0)), "\(name): \(match.0)")
                count += 1
            }
        }
        #expect(count > 3)
    }
}
