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
