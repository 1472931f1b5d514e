extension YAMLNode {
    /// The greatest depth of nested lists and mappings.
    private static let depthLimit = 100

    /// Parses a text with one document; JSON is YAML. Nil if it is empty.
    ///
    /// - Throws: if the text is not YAML, contains a second document or a duplicate key, or is
    ///   nested deeper than 100 levels.
    package static func parse(_ text: String) throws(YAMLSyntaxError) -> YAMLNode? {
        var composer = Composer(parser: YAMLParser(text))
        return try composer.document()
    }

    /// Builds the tree from libyaml's events.
    private struct Composer: ~Copyable {
        var parser: YAMLParser
        var anchors: [String: YAMLNode] = [:]

        init(parser: consuming YAMLParser) { self.parser = parser }

        mutating func document() throws(YAMLSyntaxError) -> YAMLNode? {
            // The stream's start.
            _ = try parser.next()
            guard try parser.next().kind != .streamEnd else { return nil }
            let root = try node(from: parser.next(), depth: 0)
            // The document's end.
            _ = try parser.next()
            let end = try parser.next()
            guard end.kind == .streamEnd else {
                throw YAMLSyntaxError(
                    end.mark, "composer",
                    "expected a single document in the stream in line 1, column 1")
            }
            return root
        }

        private mutating func node(
            from event: YAMLParser.Event, depth: Int
        ) throws(YAMLSyntaxError) -> YAMLNode {
            guard depth <= depthLimit else {
                throw YAMLSyntaxError(event.mark, "composer", "more than \(depthLimit) levels")
            }
            let content: Content
            let name: String?
            switch event.kind {
            case .alias(let name):
                guard let node = anchors[name] else {
                    throw YAMLSyntaxError(event.mark, "composer", "found undefined alias")
                }
                return node
            case .scalar(let text, let isPlain, let anchor):
                content = .scalar(text, isPlain: isPlain)
                name = anchor
            case .sequenceStart(let anchor):
                content = .sequence(try sequence(depth))
                name = anchor
            case .mappingStart(let anchor):
                content = .mapping(try mapping(depth))
                name = anchor
            default: throw YAMLSyntaxError(event.mark, "composer", "expected a value")
            }
            let node = YAMLNode(content: content, line: event.mark.line)
            if let name { anchors[name] = node }
            return node
        }

        private mutating func sequence(_ depth: Int) throws(YAMLSyntaxError) -> [YAMLNode] {
            var items: [YAMLNode] = []
            var event = try parser.next()
            while event.kind != .sequenceEnd {
                items.append(try node(from: event, depth: depth + 1))
                event = try parser.next()
            }
            return items
        }

        private mutating func mapping(
            _ depth: Int
        ) throws(YAMLSyntaxError) -> [(key: YAMLNode, value: YAMLNode)] {
            var pairs: [(key: YAMLNode, value: YAMLNode)] = []
            var lines: [String: Int] = [:]
            var repeated: [String] = []
            var event = try parser.next()
            while event.kind != .mappingEnd {
                let key = try node(from: event, depth: depth + 1)
                let value = try node(from: parser.next(), depth: depth + 1)
                pairs.append((key, value))
                if let text = key.string {
                    if let first = lines[text] {
                        repeated.append(
                            "line \(key.line): the key '\(text)' is already in line \(first)")
                    }
                    lines[text] = key.line
                }
                event = try parser.next()
            }
            guard repeated.isEmpty else { throw YAMLSyntaxError(repeated: repeated) }
            return pairs
        }
    }
}
