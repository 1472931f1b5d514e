import Foundation
import Testing

@testable import TextFormats

/// Untrusted text on a terminal.
struct PrintableTests {
    /// Escape, CSI as one character, right-to-left override, isolate, direction mark, Unicode line
    /// separator.
    static let marks = [
        "\u{1B}", "\u{9B}", "\u{202E}", "\u{2066}", "\u{200F}", "\u{2028}", "\u{7F}",
    ]

    @Test(arguments: PrintableTests.marks) func controlCharactersAreNotShown(mark: String) throws {
        let text = "a\(mark)b ü 日本"
        #expect(text.printable == "a?b ü 日本")
        let quoted = JSONObject.quoted(text)
        #expect(!quoted.contains(mark) && quoted.hasPrefix("\"a\\u"))
        #expect(try JSONDecoder().decode(String.self, from: Data(quoted.utf8)) == text)
        // In the format of the system's encoder.
        let json = "{\n  \"k\": \"a\(mark)b\"\n}"
        #expect(!json.escapedJSON.contains(mark) && json.escapedJSON.contains("\n  \"k\""))
    }

    @Test func ordinaryTextIsUnchanged() {
        let text = "shop/web (10.0.0.1): büro 日本 👍 — é"
        #expect(text.printable == text && text.escapedJSON == text)
        #expect(JSONObject.quoted(text) == "\"\(text)\"")
    }
}
