import TextFormats

extension Event.Alert.Image {
    /// The alert's `image`.
    var object: JSONObject {
        var object = JSONObject()
        object.put("id", id)
        object.put("reference", reference)
        object.put("join", isWeak ? "weak" : "strong")
        object.put("findings", findings.object)
        object.put("fixable", fixable)
        object.put("known_exploited", knownExploited)
        object.put("known_exploited_count", knownExploitedCount)
        object.put("highest_epss", highestEPSS, digits: 5)
        object.put("report_age_s", reportAgeSeconds)
        return object
    }
}

extension Event.Alert.Image.Findings {
    fileprivate var object: JSONObject {
        var object = JSONObject()
        object.put("critical", critical)
        object.put("high", high)
        object.put("medium", medium)
        object.put("low", low)
        object.put("unknown", unknown)
        return object
    }
}

extension Event.Alert.Image: Decodable {
    private enum Key: String, CodingKey {
        case id, reference, join, findings, fixable
        case knownExploited = "known_exploited"
        case knownExploitedCount = "known_exploited_count"
        case highestEPSS = "highest_epss"
        case reportAge = "report_age_s"
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        self.init(
            id: try fields.decode(String.self, forKey: .id),
            reference: try fields.decode(String.self, forKey: .reference),
            isWeak: try fields.decode(String.self, forKey: .join) == "weak",
            findings: try fields.decode(Findings.self, forKey: .findings),
            fixable: try fields.decode(Int.self, forKey: .fixable),
            knownExploited: try fields.decode([String].self, forKey: .knownExploited),
            knownExploitedCount: try fields.decode(Int.self, forKey: .knownExploitedCount),
            highestEPSS: try fields.decodeIfPresent(Double.self, forKey: .highestEPSS),
            reportAgeSeconds: try fields.decode(Int.self, forKey: .reportAge))
    }
}
