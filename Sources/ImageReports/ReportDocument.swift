import FoundationEssentials
import TextFormats
import Timestamps

/// A scanner's report as JSON; its keys say of which scanner.
struct ReportDocument: Decodable {
    /// One of each image; SARIF may be about several.
    var reports: [ImageReport]

    private enum Keys: String, CodingKey {
        case matches, bomFormat, runs, catalogVersion
        case trivyVersion = "SchemaVersion"
    }

    init(from decoder: any Decoder) throws {
        guard let keys = try? decoder.container(keyedBy: Keys.self) else {
            let isList = (try? decoder.unkeyedContainer()) != nil
            throw ReportError(
                isList
                    ? "is a list, as Trivy before 0.20 wrote it; its 'SchemaVersion' 2 is read"
                    : "is no report of Trivy or Grype, and neither CycloneDX nor SARIF")
        }
        if keys.contains(.trivyVersion) {
            reports = [try TrivyReport(from: decoder).report()]
        } else if keys.contains(.matches) {
            reports = [try GrypeReport(from: decoder).report()]
        } else if keys.contains(.bomFormat) {
            reports = [try CycloneDXReport(from: decoder).report()]
        } else if keys.contains(.runs) {
            reports = try SARIFReport(from: decoder).reports()
        } else if keys.contains(.catalogVersion) {
            throw ReportError("is the list of exploited vulnerabilities; name it as such")
        } else {
            throw ReportError("is no report of Trivy or Grype, and neither CycloneDX nor SARIF")
        }
        for place in reports.indices {
            reports[place].finish()
            guard !reports[place].isEmpty else {
                throw ReportError(
                    "names no vulnerability: a list of packages looks the same; give the scanner's "
                        + "own JSON")
            }
        }
    }

    /// The most values of a document: each needs memory while it is decoded, however short it is.
    static let mostValues = 2_000_000

    /// Whether a document has at most `mostValues` values, by the marks between them.
    private static func hasFewValues(_ bytes: [UInt8]) -> Bool {
        var (count, isText, isEscaped) = (0, false, false)
        for byte in bytes {
            if isEscaped {
                isEscaped = false
            } else if isText, byte == UInt8(ascii: "\\") {
                isEscaped = true
            } else if byte == UInt8(ascii: "\"") {
                isText.toggle()
            } else if !isText {
                switch byte {
                case UInt8(ascii: ","), UInt8(ascii: "["), UInt8(ascii: "{"): count += 1
                default: break
                }
            }
        }
        return count <= mostValues
    }

    /// Decodes a report.
    static func reports(_ bytes: [UInt8]) throws(ReportError) -> [ImageReport] {
        try decode(Self.self, bytes).reports
    }

    static func decode<Value: Decodable>(
        _ type: Value.Type, _ bytes: [UInt8]
    ) throws(ReportError) -> Value {
        guard hasFewValues(bytes) else {
            throw ReportError("has more than \(mostValues) values")
        }
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch let error
            as ReportError
        { throw error } catch {
            switch error {
            case DecodingError.typeMismatch(_, let context),
                DecodingError.valueNotFound(_, let context):
                let place = context.codingPath.map(\.stringValue).joined(separator: ".")
                throw ReportError(
                    place.isEmpty
                        ? "is JSON of another kind"
                        : "'\(place.printable.prefix(100))' has the wrong type")
            case DecodingError.keyNotFound(let key, _):
                throw ReportError("'\(key.stringValue)' is missing")
            default: throw ReportError("is not valid JSON; it may be cut off")
            }
        }
    }

    /// A time as scanners write it; nil for any other text.
    static func time(_ text: String?) -> Timestamp? {
        guard let text, text.utf8.count < 64, let time = UTC.time(text), time > .epoch else {
            return nil
        }
        return time
    }
}

/// A list of findings; those that cannot be read are counted.
struct Entries<Value: Decodable>: Decodable {
    private(set) var values: [Value] = []
    private(set) var unreadableCount = 0

    /// The most entries of a list.
    private static var most: Int { 2 * ImageReport.mostFindings }

    init(from decoder: any Decoder) throws {
        var list = try decoder.unkeyedContainer()
        while !list.isAtEnd {
            guard list.currentIndex < Self.most else {
                throw ReportError("has a list of more than \(Self.most) findings")
            }
            if let value = try list.decode(Lenient<Value>.self).value {
                values.append(value)
            } else {
                unreadableCount += 1
            }
        }
    }
}

/// A part of a document; one that cannot be read is nil, and the rest is read.
struct Lenient<Value: Decodable>: Decodable {
    var value: Value?

    init(from decoder: any Decoder) throws { value = try? Value(from: decoder) }
}
