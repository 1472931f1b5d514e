import Foundation

/// The events that a monitor has written to `eve.json`.
extension Scratch {
    public var events: [[String: Any]] {
        let text = (try? String(contentsOfFile: path("eve.json"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }

    /// What each event says besides Suricata's keys.
    public var eventDetails: [[String: Any]] {
        events.compactMap { $0["lazaret"] as? [String: Any] }
    }

    /// The targets that were fenced.
    public var fencedTargets: Set<String> {
        Set(
            eventDetails.filter { $0["action"] as? String == "fence" }
                .compactMap { $0["target"] as? String })
    }
}
