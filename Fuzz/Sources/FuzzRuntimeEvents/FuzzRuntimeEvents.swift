import FuzzSupport
import RuntimeEvents

@testable import RuntimeEventFiles

/// Reads the input as lines of Falco, Tetragon and auditd. Each line is counted once, and texts of
/// processes control no terminal.
@c(LLVMFuzzerTestOneInput)
public func fuzzRuntimeEvents(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    var rules = RuntimeEventRules()
    rules.keepsArguments = count % 2 == 0
    rules.least = count % 3 == 0 ? .debug : .notice
    var reader = RuntimeEventReader(rules)
    let events = reader.read(text: bytes[...]) + reader.finish()
    precondition(reader.counts.events == UInt64(events.count))
    precondition(
        reader.counts.malformed + reader.counts.oversized + reader.counts.foreign
            <= reader.counts.lines)
    for event in events {
        let texts = [event.event.rule, event.event.container, event.event.process]
        for text in texts.compactMap(\.self) where !text.isEmpty { precondition(isOneLine(text)) }
        if !event.event.detail.isEmpty { precondition(isOneLine(event.event.detail)) }
    }
    // In pieces, as a file that grows is read.
    var lines = LineBuffer()
    var other = RuntimeEventReader(rules)
    var found = 0
    var at = 0
    while at < bytes.count {
        let end = min(at + 1 + Int(bytes[at]), bytes.count)
        found += lines.add(bytes[at..<end], &other).count
        at = end
    }
    found += lines.add([UInt8(ascii: "\n")], &other).count + other.finish().count
    precondition(found == events.count, "\(found) of \(events.count) events in pieces")
    return 0
}
