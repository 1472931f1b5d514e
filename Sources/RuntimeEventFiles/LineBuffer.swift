import RuntimeEvents

/// Cuts bytes into lines; a line without its end waits for it.
struct LineBuffer: Sendable {
    private var partial: [UInt8] = []
    /// Whether the rest of the current line is left out.
    private(set) var isSkipping: Bool

    /// - Parameter isSkipping: whether the bytes begin in the middle of a line.
    init(isSkipping: Bool = false) { self.isSkipping = isSkipping }

    /// The bytes of a line that has begun and not ended.
    var partCount: Int { partial.count }

    mutating func add(
        _ bytes: ArraySlice<UInt8>, _ reader: inout RuntimeEventReader
    ) -> [ReportedEvent] {
        var events: [ReportedEvent] = []
        var rest = bytes
        while let end = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = rest[..<end]
            rest = rest[(end + 1)...]
            if isSkipping {
                isSkipping = false
            } else if partial.isEmpty {
                events += reader.read(line: line)
            } else {
                partial += line
                events += reader.read(line: partial[...])
            }
            partial.removeAll(keepingCapacity: true)
        }
        guard !isSkipping else { return events }
        guard partial.count + rest.count <= RuntimeEventReader.longestLine else {
            reader.countOversized()
            partial = []
            isSkipping = true
            return events
        }
        partial += rest
        return events
    }

    /// Takes what has come of the last line for all of it.
    mutating func end(_ reader: inout RuntimeEventReader) -> [ReportedEvent] {
        defer { self = LineBuffer() }
        return isSkipping ? [] : reader.read(line: partial[...])
    }

    /// Ends a line that will not be continued.
    mutating func cut(_ reader: inout RuntimeEventReader) {
        if !partial.isEmpty { reader.countCut() }
        self = LineBuffer()
    }
}
