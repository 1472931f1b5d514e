import Quarantine
import TextFormats
import Timestamps

/// Summarizes a replay in a few lines below the incidents.
public enum ReplayReport {
    public static func footer(_ outcome: Replay.Outcome) -> String {
        let seconds = (outcome.last - outcome.first).inSeconds
        let fences = outcome.decisions.filter(\.isFence)
        var text =
            "\n\(outcome.packetCount) packets over \(JSONObject.number(seconds, digits: 0)) s, "
            + "\(outcome.windowCount) windows, \(outcome.incidents.count) incidents.\n"
        if !fences.isEmpty {
            let targets = Set(fences.map { "\($0.target)" }).sorted()
            text += "Enforcement would have fenced \(targets.joined(separator: ", ")).\n"
        }
        return text
    }
}
