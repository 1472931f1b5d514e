public import AnomalyDetection
import AttackPatterns
public import Events
import FeatureExtraction
import NetworkAddresses
import TextFormats
import Timestamps

/// Reports on addresses ranked without a baseline.
public enum RankingReport {
    /// A table of the most anomalous addresses, at most `limit`.
    public static func table(
        _ entries: [OutlierRanking.Entry], packetCount: Int, limit: Int = 10
    ) -> String {
        guard !entries.isEmpty else {
            return "\(packetCount) packets: no flow was opened, so there is no host to rank.\n"
        }
        var text =
            "No model was given. Most anomalous hosts of the capture:\n"
        for (index, entry) in entries.prefix(limit).enumerated() {
            let who =
                entry.workload == "\(entry.subject)" || entry.workload == "outside"
                ? "\(entry.subject)" : "\(entry.workload.printable) (\(entry.subject))"
            let title = entry.pattern.map { "looks like: \($0.title)" } ?? "no known pattern"
            let technique = entry.pattern?.technique.map { " (\($0))" } ?? ""
            text +=
                "#\(index + 1)  \(who)  \(title)\(technique)  score "
                + "\(JSONObject.number(Double(entry.score), digits: 3)), at "
                + "\(UTC.clock(Int64(entry.window.endSecond)))\n"
            for reason in entry.reasons { text += "      \(reason.text.printable)\n" }
        }
        if entries.count > limit { text += "... and \(entries.count - limit) more\n" }
        return text
    }

    /// One address as a JSON object.
    public static func json(_ entry: OutlierRanking.Entry, rank: Int) -> String {
        var object = JSONObject()
        object.put("rank", rank)
        object.put("offender", "\(entry.subject)")
        object.put("workload", entry.workload)
        object.put("pattern", entry.pattern?.rawValue)
        object.put("technique", entry.pattern?.technique)
        object.put("strength", Double(entry.strength), digits: 2)
        object.put("score", Double(entry.score))
        object.put("rank_score", Double(entry.rank))
        object.put("window_start", entry.window.startSecond)
        object.put("window_end", entry.window.endSecond + 1)
        object.put("reasons", entry.reasons.map(\.text))
        return object.text
    }

    /// The alert of one address; there is no threshold without a baseline.
    public static func event(_ entry: OutlierRanking.Entry) -> Event {
        var alert = Event.Alert(
            looksLike: entry.pattern, severity: .low, offender: entry.subject,
            workload: entry.workload, scale: entry.window.scale, score: Double(entry.score))
        alert.reasons = entry.reasons.map { Event.Alert.Reason(text: $0.text) }
        alert.decision = .undecided
        return Event(time: Timestamp(second: entry.window.endSecond + 1), .alert(alert))
    }
}
