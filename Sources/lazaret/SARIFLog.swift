import Digests
import TextFormats

/// Results as SARIF 2.1.0, which services for continuous integration read.
struct SARIFLog {
    struct Rule {
        var id: String
        var title: String
        var meaning: String
        var help: String
        /// As GitHub and GitLab rank it, from 0 to 10.
        var severity: String
    }

    struct Result {
        /// The index of its rule.
        var rule: Int
        var text: String
        /// The path of the file that it is about.
        var location: String
        var level = Level.warning
        /// What stays the same when the same result is found again.
        var key: [String]
    }

    enum Level: String { case note, warning, error }

    /// The greatest number of results that GitHub shows and GitLab accepts.
    static let limit = 5000

    /// The identifier of the kind of run, such as `lazaret/check/`.
    var run: String
    var rules: [Rule]
    var results: [Result]

    var text: String {
        var driver = JSONObject()
        driver.put("name", "lazaret")
        driver.put("version", Version.text)
        driver.put("rules", rules.map(Self.object))
        var tool = JSONObject()
        tool.put("driver", driver)
        var details = JSONObject()
        details.put("id", self.run)
        var run = JSONObject()
        run.put("tool", tool)
        run.put("automationDetails", details)
        run.put(
            "results",
            results.prefix(Self.limit).enumerated().map { object($1, line: $0 + 1) })
        var log = JSONObject()
        log.put("$schema", "https://json.schemastore.org/sarif-2.1.0.json")
        log.put("version", "2.1.0")
        log.put("runs", [run])
        return log.text
    }

    private static func message(_ text: String) -> JSONObject {
        var object = JSONObject()
        object.put("text", text)
        return object
    }

    private static func object(_ rule: Rule) -> JSONObject {
        var defaults = JSONObject()
        defaults.put("level", "warning")
        var properties = JSONObject()
        properties.put("security-severity", rule.severity)
        properties.put("tags", ["security"])
        var object = JSONObject()
        object.put("id", rule.id)
        object.put("shortDescription", message(rule.title))
        object.put("fullDescription", message(rule.meaning))
        object.put("help", message(rule.help))
        object.put("defaultConfiguration", defaults)
        object.put("properties", properties)
        return object
    }

    /// GitHub and GitLab need a file for each result; GitLab takes results at the same line of a
    /// file for one, so each has a line of its own.
    private func object(_ result: Result, line: Int) -> JSONObject {
        var file = JSONObject()
        file.put("uri", Self.uri(result.location))
        var region = JSONObject()
        region.put("startLine", line)
        var place = JSONObject()
        place.put("artifactLocation", file)
        place.put("region", region)
        var physical = JSONObject()
        physical.put("physicalLocation", place)
        var fingerprints = JSONObject()
        let key = Array(result.key.joined(separator: "\n").utf8)
        let digest = Array(SHA256.hash(key.span).prefix(8)).hexadecimal
        fingerprints.put("primaryLocationLineHash", "\(digest):1")
        var object = JSONObject()
        object.put("ruleId", rules[result.rule].id)
        object.put("ruleIndex", result.rule)
        object.put("level", result.level.rawValue)
        object.put("message", Self.message(Self.plain(result.text)))
        object.put("locations", [physical])
        object.put("partialFingerprints", fingerprints)
        return object
    }

    /// Text without placeholders and links (sections 3.11.5 and 3.11.6).
    private static func plain(_ text: String) -> String {
        text.replacing("{", with: "{{").replacing("}", with: "}}").replacing("](", with: "] (")
    }

    /// A path as a relative URI reference (RFC 3986): other bytes than letters, digits and some
    /// signs are written as their number.
    private static func uri(_ path: String) -> String {
        path.utf8.map { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x2F, 0x5F, 0x7E:
                String(UnicodeScalar(byte))
            default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
            }
        }.joined()
    }
}
