internal import TextFormats
package import Timestamps

/// What Lazaret asks CrowdSec's bouncers to do about one address or network.
package struct Ban: Codable, Sendable, Equatable {
    package static let scenario = "lazaret/quarantine"
    package static let origin = "lazaret"

    /// An address, or a network with its length.
    package var value: String
    package var isRange: Bool
    /// `ban`, `captcha` or what else the bouncers know.
    package var type: String
    /// Identifies the rule among all of this and other gateways.
    package var mark: String

    package init(value: String, isRange: Bool, type: String, mark: String) {
        self.value = value
        self.isRange = isRange
        self.type = type
        self.mark = mark
    }

    /// Upper case matters: a decision with another scope is stored, and given to no bouncer.
    var scope: String { isRange ? "Range" : "Ip" }
}

/// A decision that the server has.
package struct StoredDecision: Sendable, Equatable, Decodable {
    package var id: Int
    var duration: String
    var origin: String
    var scope: String
    var value: String
    package var simulated: Bool?

    /// How long it is still active; not positive: it is over.
    package var rest: Interval { GoDuration.parse(duration) ?? .zero }
    package var isActive: Bool { rest > .zero }
}

struct StoredAlert: Decodable {
    var id: Int
    var message: String?
    var scenario: String?
    var decisions: [StoredDecision]?

    func isOf(_ ban: Ban) -> Bool { scenario == Ban.scenario && message == ban.mark }

    /// The decisions that the ban has made. The server may write an address in another way.
    func own(_ ban: Ban) -> [StoredDecision] {
        (decisions ?? []).filter { $0.origin == Ban.origin && $0.scope == ban.scope }
    }
}

/// An alert with one decision, with every member that the server requires.
struct PostedAlert: Encodable {
    struct Source: Encodable {
        var scope: String
        var value: String
        var ip: String?
        var range: String?
    }

    struct Decision: Encodable {
        var origin = Ban.origin
        var type: String
        var scope: String
        var value: String
        var duration: String
        var scenario = Ban.scenario
    }

    var scenario = Ban.scenario
    var scenario_hash = ""
    var scenario_version = ""
    var message: String
    var events_count = 1
    var start_at: String
    var stop_at: String
    var capacity = 0
    var leakspeed = "0"
    var simulated = false
    var remediation = true
    var events: [String] = []
    var source: Source
    var decisions: [Decision]

    /// The decision's time runs from `stop_at`, which must be now, in UTC with `Z`: the server
    /// compares it as text.
    init(_ ban: Ban, _ span: Interval, _ time: Timestamp) {
        let now = UTC.rfc3339(time)
        message = ban.mark
        start_at = now
        stop_at = now
        source = Source(
            scope: ban.scope, value: ban.value, ip: ban.isRange ? nil : ban.value,
            range: ban.isRange ? ban.value : nil)
        decisions = [
            Decision(
                type: ban.type, scope: ban.scope, value: ban.value,
                // Days are no unit of Go.
                duration: "\(max(span.wholeSeconds, 1))s")
        ]
    }
}
