import FoundationEssentials
import Indicators
import TextFormats
import Timestamps

/// Why a JSON document is no feed of indicators.
struct DocumentError: Error {
    var reason: String
}

/// Addresses and names from a STIX 2.1 bundle, or from a MISP event or feed.
struct IndicatorDocument {
    struct Entry {
        enum Kind { case address, name }

        var kind: Kind
        var value: String
        /// Nil: that of the list.
        var confidence: Int?
        /// Seconds since 1970; 0: unknown.
        var first: UInt32 = 0
        var last: UInt32 = 0
        var until: UInt32 = 0
        var refusal: IndicatorTableBuilder.Refusal?

        init(
            _ kind: Kind, _ value: String, refusal: IndicatorTableBuilder.Refusal? = nil
        ) {
            self.kind = kind
            self.value = value
            self.refusal = refusal
        }
    }

    static let stix = "STIX 2.1"
    static let misp = "MISP"

    let format: String
    private(set) var entries: [Entry] = []

    init(_ bytes: [UInt8]) throws(DocumentError) {
        let whole: Whole
        do { whole = try JSONDecoder().decode(Whole.self, from: Data(bytes)) } catch {
            throw DocumentError(reason: Self.words(error))
        }
        if whole.type == "bundle" {
            if let version = whole.version, version != "2.1" {
                throw DocumentError(reason: "is STIX \(version); only 2.1 is read")
            }
            format = Self.stix
            for object in whole.objects ?? [] { add(object.value) }
        } else if let event = whole.event {
            format = Self.misp
            add(event)
        } else if let events = whole.response {
            format = Self.misp
            for item in events { if let event = item.value?.event { add(event) } }
        } else {
            throw DocumentError(reason: "is neither a STIX 2.1 bundle nor a MISP event")
        }
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case DecodingError.typeMismatch(_, let context),
            DecodingError.valueNotFound(_, let context):
            context.codingPath.isEmpty
                ? "is JSON, but neither a STIX 2.1 bundle nor a MISP event"
                : "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' has the "
                    + "wrong type"
        default: "is not valid JSON; it may be cut off"
        }
    }

    // MARK: - STIX

    private mutating func add(_ object: Whole.Object?) {
        guard let object, object.type == "indicator" else { return }
        let pattern = object.pattern ?? ""
        func refuse(_ refusal: IndicatorTableBuilder.Refusal) {
            entries.append(Entry(.name, pattern, refusal: refusal))
        }
        guard object.version == "2.1" else { return refuse(.otherVersion) }
        guard object.revoked != true else { return refuse(.revoked) }
        guard object.patternType == "stix", let found = STIXPattern.values(of: pattern) else {
            return refuse(.unsupported)
        }
        for (kind, value) in found {
            var entry = Entry(kind, value)
            entry.confidence = object.confidence
            entry.first = Self.second(object.validFrom)
            entry.last = Self.second(object.modified ?? object.created)
            entry.until = Self.second(object.validUntil)
            entries.append(entry)
        }
    }

    private static func second(_ text: String?) -> UInt32 {
        guard let text, text.utf8.count < 64 else { return 0 }
        return UTC.time(text).map { UInt32(clamping: $0.second) } ?? 0
    }

    // MARK: - MISP

    private mutating func add(_ event: Whole.Event) {
        for attribute in event.attributes ?? [] { add(attribute.value) }
        for object in event.objects ?? [] {
            guard let object = object.value, object.deleted != true else { continue }
            for attribute in object.attributes ?? [] { add(attribute.value) }
        }
    }

    private mutating func add(_ attribute: Whole.Attribute?) {
        guard let attribute, let type = attribute.type, let value = attribute.value else { return }
        // The parts of a type such as `ip-dst|port` are those of the value.
        let kinds = type.split(separator: "|")
        let parts = value.split(separator: "|", maxSplits: 1, omittingEmptySubsequences: false)
        for (kind, part) in zip(kinds, parts) {
            guard let kind = Self.kinds[String(kind)] else { continue }
            var entry = Entry(kind, String(part))
            entry.first = Self.second(attribute.firstSeen)
            entry.last = max(Self.second(attribute.lastSeen), attribute.timestamp?.second ?? 0)
            if attribute.deleted == true {
                entry.refusal = .revoked
            } else if attribute.toIDS != true {
                entry.refusal = .notForDetection
            }
            entries.append(entry)
        }
    }

    private static let kinds: [String: Entry.Kind] = [
        "ip-dst": .address, "ip-src": .address, "ip": .address, "domain": .name,
        "hostname": .name,
    ]
}

/// A part of a document; what cannot be read is left out and the rest is read.
private struct Lenient<Value: Decodable>: Decodable {
    var value: Value?

    init(from decoder: any Decoder) throws { value = try? Value(from: decoder) }
}

/// The keys that are used of either format.
private struct Whole: Decodable {
    struct Object: Decodable {
        var type: String?
        var version: String?
        var pattern: String?
        var patternType: String?
        var created: String?
        var modified: String?
        var validFrom: String?
        var validUntil: String?
        var revoked: Bool?
        var confidence: Int?

        enum CodingKeys: String, CodingKey {
            case type, pattern, created, modified, revoked, confidence
            case version = "spec_version"
            case patternType = "pattern_type"
            case validFrom = "valid_from"
            case validUntil = "valid_until"
        }
    }

    struct Response: Decodable {
        var event: Event?

        enum CodingKeys: String, CodingKey { case event = "Event" }
    }

    struct Event: Decodable {
        var attributes: [Lenient<Attribute>]?
        var objects: [Lenient<Group>]?

        enum CodingKeys: String, CodingKey {
            case attributes = "Attribute"
            case objects = "Object"
        }
    }

    struct Group: Decodable {
        var deleted: Bool?
        var attributes: [Lenient<Attribute>]?

        enum CodingKeys: String, CodingKey {
            case deleted
            case attributes = "Attribute"
        }
    }

    struct Attribute: Decodable {
        var type: String?
        var value: String?
        var toIDS: Bool?
        var deleted: Bool?
        var timestamp: Epoch?
        var firstSeen: String?
        var lastSeen: String?

        enum CodingKeys: String, CodingKey {
            case type, value, deleted, timestamp
            case toIDS = "to_ids"
            case firstSeen = "first_seen"
            case lastSeen = "last_seen"
        }
    }

    /// Seconds since 1970, as a string or as a number.
    struct Epoch: Decodable {
        var second: UInt32

        init(from decoder: any Decoder) throws {
            let value = try decoder.singleValueContainer()
            if let text = try? value.decode(String.self) {
                second = Int64(text).map { UInt32(clamping: $0) } ?? 0
            } else {
                second = UInt32(clamping: try value.decode(Int64.self))
            }
        }
    }

    var type: String?
    var version: String?
    var objects: [Lenient<Object>]?
    var event: Event?
    var response: [Lenient<Response>]?

    enum CodingKeys: String, CodingKey {
        case type, objects, response
        case version = "spec_version"
        case event = "Event"
    }
}
