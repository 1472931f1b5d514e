import CYAML

/// Owns one parser of libyaml and the text that it reads.
@safe struct YAMLParser: ~Copyable {
    struct Event {
        enum Kind: Equatable {
            case streamStart, streamEnd, documentStart, documentEnd, sequenceEnd, mappingEnd
            case alias(String)
            case scalar(String, isPlain: Bool, anchor: String?)
            case sequenceStart(anchor: String?)
            case mappingStart(anchor: String?)
        }

        let kind: Kind
        let mark: YAMLMark
    }

    // On the heap, because libyaml stores its address.
    private let parser: UnsafeMutablePointer<yaml_parser_t>
    private let text: UnsafeMutableBufferPointer<UInt8>

    init(_ text: String) {
        // SAFETY: both are freed in `deinit` and nowhere else; libyaml reads the copy of the text.
        unsafe self.text = .allocate(capacity: text.utf8.count)
        unsafe _ = self.text.initialize(from: text.utf8)
        unsafe parser = .allocate(capacity: 1)
        guard unsafe yaml_parser_initialize(parser) == 1 else {
            fatalError("libyaml: no memory for a parser")
        }
        unsafe yaml_parser_set_encoding(parser, YAML_UTF8_ENCODING)
        unsafe yaml_parser_set_input_string(parser, self.text.baseAddress, self.text.count)
    }

    deinit {
        // SAFETY: allocated in `init` and used only by this value.
        unsafe yaml_parser_delete(parser)
        unsafe parser.deallocate()
        unsafe text.deallocate()
    }

    /// Returns the next event; after the last one, always `streamEnd`.
    mutating func next() throws(YAMLSyntaxError) -> Event {
        var event = unsafe yaml_event_t()
        guard unsafe yaml_parser_parse(parser, &event) == 1 else { throw failure }
        // SAFETY: the event's content is copied before it is freed.
        defer { unsafe yaml_event_delete(&event) }
        return unsafe Event(kind: Self.kind(event), mark: YAMLMark(event.start_mark))
    }

    // SAFETY: each case reads the union's member that libyaml has set for it; the strings end with
    // a zero, and that of a scalar has its length.
    private static func kind(_ event: yaml_event_t) -> Event.Kind {
        switch unsafe event.type {
        case YAML_STREAM_START_EVENT: return .streamStart
        case YAML_DOCUMENT_START_EVENT: return .documentStart
        case YAML_DOCUMENT_END_EVENT: return .documentEnd
        case YAML_SEQUENCE_END_EVENT: return .sequenceEnd
        case YAML_MAPPING_END_EVENT: return .mappingEnd
        case YAML_ALIAS_EVENT: return unsafe .alias(text(event.data.alias.anchor) ?? "")
        case YAML_SEQUENCE_START_EVENT:
            return unsafe .sequenceStart(anchor: text(event.data.sequence_start.anchor))
        case YAML_MAPPING_START_EVENT:
            return unsafe .mappingStart(anchor: text(event.data.mapping_start.anchor))
        case YAML_SCALAR_EVENT:
            let scalar = unsafe event.data.scalar
            let bytes = unsafe UnsafeBufferPointer(start: scalar.value, count: scalar.length)
            let isPlain =
                unsafe scalar.style == YAML_PLAIN_SCALAR_STYLE && text(scalar.tag) != YAML_STR_TAG
            return unsafe .scalar(
                String(decoding: bytes, as: UTF8.self), isPlain: isPlain,
                anchor: text(scalar.anchor))
        default: return .streamEnd
        }
    }

    private static func text(_ start: UnsafeMutablePointer<yaml_char_t>?) -> String? {
        guard let start = unsafe start else { return nil }
        // SAFETY: libyaml's strings end with a zero.
        return unsafe String(cString: start)
    }

    /// libyaml's error.
    private var failure: YAMLSyntaxError {
        // SAFETY: `problem` is set for every error except that of memory; both strings are
        // constants.
        let problem = unsafe parser.pointee.problem.map { unsafe String(cString: $0) } ?? "?"
        let place = unsafe YAMLMark(parser.pointee.problem_mark)
        var words = problem
        if let context = unsafe parser.pointee.context {
            let mark = unsafe YAMLMark(parser.pointee.context_mark)
            words = unsafe "\(String(cString: context)) in line \(mark.line), column \(mark.column)"
        }
        switch unsafe parser.pointee.error {
        case YAML_SCANNER_ERROR: return YAMLSyntaxError(place, "scanner", words)
        case YAML_PARSER_ERROR: return YAMLSyntaxError(place, "parser", words)
        case YAML_READER_ERROR:
            let before = unsafe text.prefix(parser.pointee.problem_offset)
            let line = unsafe before.count { $0 == UInt8(ascii: "\n") } + 1
            let start = unsafe before.lastIndex(of: UInt8(ascii: "\n")).map { $0 + 1 } ?? 0
            let column = unsafe String(decoding: before[start...], as: UTF8.self).count + 1
            return YAMLSyntaxError(YAMLMark(line: line, column: column), "reader", problem)
        default: return YAMLSyntaxError("Memory error")
        }
    }
}

extension YAMLMark {
    fileprivate init(_ mark: yaml_mark_t) {
        self.init(line: mark.line + 1, column: mark.column + 1)
    }
}
