public import Indicators
import TextFormats

extension IndicatorHit {
    /// The hit in an alert's `indicators`.
    var object: JSONObject {
        var object = JSONObject()
        object.put("value", value)
        object.put("type", isName ? "name" : "address")
        object.put("confidence", confidence)
        object.put("age_s", ageSeconds)
        object.put("lists", listCount)
        object.put("agree", sources.count)
        object.put("remark", remark)
        object.put("sources", sources.map(\.json))
        return object
    }
}

extension IndicatorHit.Source {
    fileprivate var json: JSONObject {
        var object = JSONObject()
        object.put("name", name)
        object.put("object", self.object)
        object.put("age_s", ageSeconds)
        object.put("confidence", confidence)
        return object
    }
}

extension IndicatorHit.Source: Decodable {
    private enum Key: String, CodingKey {
        case name, object, confidence
        case age = "age_s"
    }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        self.init(
            name: try fields.decode(String.self, forKey: .name),
            object: try fields.decode(String.self, forKey: .object),
            ageSeconds: try fields.decode(Int.self, forKey: .age),
            confidence: try fields.decode(Int.self, forKey: .confidence))
    }
}

extension IndicatorHit: Decodable {
    private enum Key: String, CodingKey { case value, type, lists, remark, sources }

    public init(from decoder: any Decoder) throws {
        let fields = try decoder.container(keyedBy: Key.self)
        self.init(
            value: try fields.decode(String.self, forKey: .value),
            isName: try fields.decode(String.self, forKey: .type) == "name",
            sources: try fields.decode([Source].self, forKey: .sources),
            listCount: try fields.decode(Int.self, forKey: .lists),
            remark: try fields.decodeIfPresent(String.self, forKey: .remark))
    }
}
