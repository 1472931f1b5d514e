import Foundation
import TestKit
import Testing

struct DocumentationTests {
    /// Every test that the page names exists.
    @Test func thePageOnSecurityNamesTests() throws {
        let page = try String(
            contentsOf: Run.root.appendingPathComponent("docs/security.md"), encoding: .utf8)
        let folder = Run.root.appendingPathComponent("Tests")
        let files = FileManager.default.enumerator(at: folder, includingPropertiesForKeys: nil)
        var names: Set<String> = []
        while let file = files?.nextObject() as? URL {
            names.insert(file.lastPathComponent)
            guard file.pathExtension == "swift" else { continue }
            let text = try String(contentsOf: file, encoding: .utf8)
            for match in text.matches(of: /(?:func|struct|class) (\w+)/) {
                names.insert(String(match.1))
            }
        }
        let named = page.matches(of: /`(\w+Tests)(?:\.(\w+))?`/)
        #expect(named.count >= 20)
        for match in named {
            for name in [match.1, match.2 ?? match.1] {
                #expect(names.contains(String(name)), "\(name)")
            }
        }
    }

    @Test func theTableOfFeaturesIsWhatTheProgramHas() throws {
        let page = try String(
            contentsOf: Run.root.appendingPathComponent("docs/features.md"), encoding: .utf8)
        #expect(try Run("model", "features").output == page)
    }

    /// Every command in the indented and fenced examples of README and pages exists, with its
    /// options.
    @Test func everyCommandAndOptionExists() throws {
        let folder = Run.root.appendingPathComponent("docs").path
        let names = try FileManager.default.contentsOfDirectory(atPath: folder)
            .filter { $0.hasSuffix(".md") }.map { "docs/\($0)" }
        var helps: [String: String] = [:]
        func help(_ words: [Substring]) throws -> String {
            let name = words.joined(separator: " ")
            if let known = helps[name] { return known }
            let text = try Run(words.map(String.init) + ["--help"]).output
            // Of a word that is no subcommand, the help is that of the command before it.
            helps[name] = text.contains("USAGE: lazaret \(name) ") ? text : ""
            return helps[name] ?? ""
        }
        var count = 0
        for name in ["README.md"] + names.sorted() {
            let page = try String(
                contentsOf: Run.root.appendingPathComponent(name), encoding: .utf8)
            for match in page.matches(of: /(?m)^(?:    |sudo )?lazaret ([a-z][^\n#;|<>]*)/) {
                let words = match.1.split { $0 == " " || $0 == "'" }
                var known = try help([words[0]])
                #expect(!known.isEmpty, "\(name): \(match.0)")
                if words.count > 1, words[1].allSatisfy({ $0.isLowercase || $0 == "-" }) {
                    known += try help(Array(words.prefix(2)))
                }
                // The default subcommand's.
                known += try help([words[0], "list"])
                for option in words where option.hasPrefix("--") {
                    count += 1
                    let option = option.prefix { $0 != "=" }
                    #expect(known.contains(option), "\(name): \(option) of \(match.0)")
                }
            }
        }
        #expect(count > 100)
    }

    /// Every link to a page, a file or a heading of the repository leads somewhere.
    @Test func everyLinkLeadsSomewhere() throws {
        let files = FileManager.default.enumerator(
            at: Run.root, includingPropertiesForKeys: nil, options: [.skipsHiddenFiles])
        var pages: [URL: String] = [:]
        while let file = files?.nextObject() as? URL {
            guard file.pathExtension == "md" else { continue }
            pages[file.standardizedFileURL] = try String(contentsOf: file, encoding: .utf8)
        }
        #expect(pages.count >= 15)
        var count = 0
        for (page, text) in pages {
            for match in text.matches(of: /\]\(([^()\s]+)\)/) where !match.1.contains("://") {
                count += 1
                let parts = match.1.split(
                    separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
                let target =
                    parts[0].isEmpty
                    ? page
                    : URL(fileURLWithPath: String(parts[0]), relativeTo: page).standardizedFileURL
                let place = "\(page.lastPathComponent): \(match.1)"
                #expect(FileManager.default.fileExists(atPath: target.path), "\(place)")
                guard parts.count == 2, let text = pages[target] else { continue }
                #expect(Self.anchors(in: text).contains(String(parts[1])), "\(place)")
            }
        }
        #expect(count > 60)
    }

    static let mkdocs = Run.root.appendingPathComponent(".build/venv/bin/mkdocs").path

    /// MkDocs makes a site of the pages, in which no link and no anchor is dead.
    @Test(
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: mkdocs),
            "needs mkdocs in .build/venv"))
    func thePagesBecomeASite() throws {
        let scratch = try Scratch()
        for name in ["docs", "README.md", "mkdocs.yml", "scripts", "config", "captures/README.md"]
            + ["Benchmarks/detection/README.md", "CONTRIBUTING.md", "CHANGELOG.md", "Sources"]
        {
            let copy = scratch.url.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: copy.deletingLastPathComponent(), withIntermediateDirectories: true)
            try FileManager.default.copyItem(at: Run.root.appendingPathComponent(name), to: copy)
        }
        func build() throws -> String {
            try Namespace.command([
                "sh", "-c", #""$0" build --strict -f "$1" 2>&1 || echo failed"#,
                Self.mkdocs, scratch.path("mkdocs.yml"),
            ])
        }
        let first = try build()
        #expect(first.split(separator: "\n").last != "failed", "\(first)")
        let site = scratch.url.appendingPathComponent(".build/site")
        func page(_ name: String) throws -> String {
            try String(contentsOf: site.appendingPathComponent(name), encoding: .utf8)
        }
        // The README is the first page; its links, and those to files of other folders, hold.
        #expect(try page("index.html").contains(#"href="tutorial.html""#))
        #expect(try page("install.html").contains(#"href="repository/config/compose.yaml""#))
        #expect(
            try page("repository/config/compose.yaml")
                == String(
                    contentsOf: Run.root.appendingPathComponent("config/compose.yaml"),
                    encoding: .utf8))
        for dead in ["[a](nowhere.md)", "[a](monitor.md#nowhere)", "[a](../config/nowhere)"] {
            try "# Notes\n\n\(dead)\n".write(
                toFile: scratch.path("docs/glossary.md"), atomically: true, encoding: .utf8)
            let said = try build()
            #expect(said.contains("nowhere"), "\(dead): \(said)")
            #expect(said.split(separator: "\n").last == "failed", "\(dead): \(said)")
        }
    }

    /// The anchors of a page's headings, as GitHub makes them.
    private static func anchors(in page: String) -> Set<String> {
        Set(
            page.split(separator: "\n").filter { $0.hasPrefix("#") }.map { line in
                String(
                    line.drop { $0 == "#" }.drop { $0 == " " }.lowercased().compactMap {
                        $0.isLetter || $0.isNumber || $0 == "-" || $0 == "_"
                            ? $0 : $0 == " " ? "-" : nil
                    })
            })
    }
}
