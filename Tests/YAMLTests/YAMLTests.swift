import Testing
import YAML

struct YAMLTests {
    private func parse(_ text: String) throws -> YAMLNode { try #require(try YAMLNode.parse(text)) }

    @Test func blockAndFlowStyleYieldTheSameTree() throws {
        for text in [
            "a:\n  - 1\n  - b: 'x: y'\nc: >\n  d\n  e\n", "{a: [1, {b: \"x: y\"}], c: \"d e\\n\"}",
            "a: [1, &name {b: 'x: y'}]\nc: |\n  d e\n",
        ] {
            let root = try parse(text)
            #expect(root.mapping?.map { $0.key.string } == ["a", "c"])
            #expect(root["a"]?.sequence?.count == 2 && root["a"]?.sequence?[0].int == 1)
            #expect(root["a"]?.sequence?[1]["b"]?.string == "x: y")
            #expect(root["c"]?.string == "d e\n" && root["d"] == nil && root.string == nil)
        }
    }

    @Test func valuesHaveTheirLines() throws {
        let root = try parse("# first\na: 1\nb:\n\n  - c: &x [\n    2]\n  - *x\n")
        #expect(root.line == 2 && root["b"]?.line == 5 && root["b"]?.sequence?[0].line == 5)
        // An alias has the line of its anchor.
        #expect(root["b"]?.sequence?[1].line == 5 && root["b"]?.sequence?[1].sequence?.count == 1)
    }

    @Test(arguments: [
        ("0", 0), ("-5", -5), ("+7", 7), ("1_000", 1000), ("0x1F", 31), ("-0x10", -16),
        ("0b101", 5), ("0o17", 15), ("017", 15), ("9223372036854775807", Int.max),
        ("9223372036854775808", nil), ("'5'", nil), ("\"5\"", nil), ("5.0", nil), ("--5", nil),
        ("+-5", nil), ("0x", nil), ("08", nil), ("+", nil), ("''", nil), ("1:30", nil),
        ("five", nil), ("[5]", nil), ("!!str 5", nil),
    ])
    func integersFollowYAML(text: String, number: Int?) throws {
        #expect(try parse("a: \(text)")["a"]?.int == number)
    }

    @Test(arguments: [
        ("true", true), ("Yes", true), ("ON", true), ("false", false), ("no", false),
        ("off", false), ("'true'", nil), ("!!str yes", nil), ("1", nil), ("y", nil), ("{}", nil),
    ])
    func booleansFollowYAML(text: String, truth: Bool?) throws {
        #expect(try parse("a: \(text)")["a"]?.bool == truth)
    }

    @Test(arguments: [
        ("", true), ("~", true), ("null", true), ("NULL", true), ("''", false), ("'null'", false),
        ("nil", false), ("[]", false),
    ])
    func nullIsNotAnEmptyText(text: String, isNull: Bool) throws {
        #expect(try parse("a: \(text)")["a"]?.isNull == isNull)
    }

    @Test(arguments: [
        ("a: b: c", "1:5: error: scanner: mapping values are not allowed in this context"),
        (
            "a: [1, 2",
            "2:1: error: parser: while parsing a flow sequence in line 1, column 4"
        ),
        ("a: @x", "1:4: error: scanner: while scanning for the next token in line 1, column 4"),
        ("ä: 1\nb: x\u{1}", "2:5: error: reader: control characters are not allowed"),
        ("a: *x", "1:4: error: composer: found undefined alias"),
        ("&x [*x]", "1:5: error: composer: found undefined alias"),
        (
            "a: 1\n---\nb: 2",
            "2:1: error: composer: expected a single document in the stream in line 1, column 1"
        ),
        (
            "b: 1\na: 2\n'b': 3\na: 4",
            "line 3: the key 'b' is already in line 1; line 4: the key 'a' is already in line 2"
        ),
    ])
    func invalidYAMLIsReportedWithItsPlace(text: String, words: String) throws {
        let error = #expect(throws: YAMLSyntaxError.self) { try YAMLNode.parse(text) }
        #expect(error?.description == words)
    }

    @Test(arguments: ["", "\n", "# nothing\n", "---\n...\n"])
    func anEmptyDocumentIsNil(text: String) throws {
        let root = try YAMLNode.parse(text)
        #expect(root == nil || root?.isNull == true)
    }

    @Test func depthIsBounded() throws {
        func nested(_ depth: Int) -> String {
            String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
        }
        #expect(try parse(nested(100)).sequence?.count == 1)
        for depth in [102, 100_000] {
            #expect(throws: YAMLSyntaxError.self) { try YAMLNode.parse(nested(depth)) }
        }
    }

    /// For any truncated or changed text, the parser returns and never reads beyond the text.
    @Test func everyPrefixAndChangedByteIsParsedOrRefused() {
        let text = "a: &x [1, 'b', \"\\u00e9\", {c: |\n  d\n}]\n? e\n: !!str f # g\nh: *x\n"
        let bytes = Array(text.utf8)
        var answers = 0
        for index in bytes.indices {
            _ = try? YAMLNode.parse(String(decoding: bytes[..<index], as: UTF8.self))
            for byte: UInt8 in [0, 9, 10, 0x22, 0x27, 0x2a, 0x5b, 0x7b, 0xff] {
                var changed = bytes
                changed[index] = byte
                _ = try? YAMLNode.parse(String(decoding: changed, as: UTF8.self))
                answers += 1
            }
        }
        #expect(answers == bytes.count * 9)
    }
}
