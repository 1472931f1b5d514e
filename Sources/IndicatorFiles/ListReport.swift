public import Indicators
import TextFormats
public import Timestamps

/// What was read from one file.
public struct ListReport: Sendable, Equatable {
    /// The list's name, and the file.
    public var name: String
    public var path: String
    /// What kind of file it is; empty if it could not be read.
    public var format = ""
    public var loaded = 0
    public var refused: [IndicatorTableBuilder.Refusal: Int] = [:]
    /// The first refused entries, as text that is safe on a terminal.
    public var examples: [String] = []
    /// Why the whole file is not used; nil: it is.
    public var failure: String?
    /// When the file was written, and the age from which its entries no longer count. An entry of
    /// STIX or MISP has a time of its own.
    var modified = Timestamp.distantFuture
    var maximumAge = Interval.longest
    /// Whether what was read before of this file stays in use.
    public var isKept = false

    init(name: String, path: String) {
        self.name = name
        self.path = path
    }

    mutating func refuse(_ refusal: IndicatorTableBuilder.Refusal, _ text: ArraySlice<UInt8>) {
        refused[refusal, default: 0] += 1
        guard examples.count < 3 else { return }
        let shown = String(decoding: text.prefix(60), as: UTF8.self).printable
        examples.append("\(shown): \(refusal.rawValue)")
    }

    mutating func count(
        _ refusal: IndicatorTableBuilder.Refusal?, _ text: ArraySlice<UInt8>
    ) {
        if let refusal { refuse(refusal, text) } else { loaded += 1 }
    }

    /// The number of entries that were refused.
    public var refusedCount: Int { refused.values.reduce(0, +) }

    /// Whether the whole list is too old to count.
    public func isStale(at now: Timestamp) -> Bool { now - modified > maximumAge }

    /// One line.
    public func text(at now: Timestamp) -> String {
        let place = (name == path ? path : "\(name) (\(path))").printable
        if let failure {
            return "\(place): \(failure.printable)"
                + (isKept ? "; what was read before stays in use" : "; it is not used")
        }
        let parts = refused.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
            .map { "\($0.value) \($0.key.rawValue)" }
        return "\(place): \(format), \(loaded) loaded"
            + (parts.isEmpty ? "" : ", refused: \(parts.joined(separator: ", "))")
            + (isStale(at: now)
                ? "; older than \(TimeSpan(maximumAge)): nothing of it counts" : "")
    }
}
