/// An address or name that is on lists of indicators, and what they say of it.
public struct IndicatorHit: Sendable, Equatable {
    /// What one list says.
    public struct Source: Sendable, Equatable {
        /// The list's name.
        public var name: String
        /// What it lists: the address, a prefix that contains it, or the suffix of a name.
        public var object: String
        /// How long ago the list, or for its own time the entry, was last renewed.
        public var ageSeconds: Int
        /// 0...100, after all discounts.
        public var confidence: Int

        public init(name: String, object: String, ageSeconds: Int, confidence: Int) {
            self.name = name
            self.object = object
            self.ageSeconds = ageSeconds
            self.confidence = confidence
        }
    }

    /// The address that was contacted, or the listed name that was asked for.
    public var value: String
    public var isName: Bool
    /// The lists that have it, those with the greatest confidence first.
    public var sources: [Source]
    /// The number of lists that were asked.
    public var listCount: Int
    /// Why the confidence is less than the lists'; nil: it is not.
    public var remark: String?

    public init(
        value: String, isName: Bool, sources: [Source], listCount: Int, remark: String? = nil
    ) {
        self.value = value
        self.isName = isName
        self.sources = sources
        self.listCount = listCount
        self.remark = remark
    }

    /// The greatest confidence of a list, 0...100. Lists copy from one another, so that several do
    /// not add up; how many agree is said beside it.
    public var confidence: Int { sources.first?.confidence ?? 0 }

    /// The age of the newest listing.
    public var ageSeconds: Int { sources.map(\.ageSeconds).min() ?? 0 }

    /// From this confidence on, an alert that names the indicator is one level more urgent.
    public static let confident = 50

    /// One sentence: `203.0.113.9 is on the list firehol (as 203.0.113.0/24); 1 of 2 lists, 3 h
    /// old, confidence 60 of 100`.
    public var text: String {
        let named = sources.prefix(4).map { source in
            source.object == value ? source.name : "\(source.name) (as \(source.object))"
        }
        let more = sources.count > 4 ? " and \(sources.count - 4) more" : ""
        return "\(value) is on the list\(sources.count == 1 ? "" : "s") "
            + named.joined(separator: ", ") + more
            + "; \(sources.count) of \(listCount) list\(listCount == 1 ? "" : "s"), "
            + "\(Self.age(ageSeconds)) old, confidence \(confidence) of 100"
            + (remark.map { "; \($0)" } ?? "")
    }

    /// An age with one unit: `40 s`, `3 h`, `12 d`.
    static func age(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: "\(max(seconds, 0)) s"
        case ..<7200: "\(seconds / 60) min"
        case ..<172_800: "\(seconds / 3600) h"
        default: "\(seconds / 86_400) d"
        }
    }
}
