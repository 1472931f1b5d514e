public import AnomalyDetection
import AttackPatterns
public import Events
import FeatureExtraction
import NetworkAddresses
import TextFormats
import Timestamps

/// Reports on addresses ranked without a baseline.
public enum RankingReport {
    /// The most anomalous addresses, at most `limit`, after a verdict.
    public static func table(_ outcome: HostRanking.Outcome, limit: Int = 10) -> String {
        let entries = outcome.entries
        guard !entries.isEmpty else {
            return
                "\(outcome.packetCount) packets: no flow was opened, so there is no host to rank.\n"
        }
        var text = verdict(outcome).joined(separator: "\n") + "\n"
        for (index, entry) in entries.prefix(limit).enumerated() {
            let title = entry.pattern.map { "looks like: \($0.title)" } ?? "no known pattern"
            let technique = entry.pattern?.technique.map { " (\($0))" } ?? ""
            let window = entry.window
            text +=
                "#\(index + 1)  score \(JSONObject.number(Double(entry.rank), digits: 2))"
                + "\(leanText(entry, outcome))  "
                + "\(who(entry))  \(title)\(technique)\n"
                + "      \(UTC.span(Int64(window.startSecond), Int64(window.endSecond + 1)))\n"
            for reason in entry.reasons { text += "      \(reason.text.printable)\n" }
            text += "      \(contactText(entry, outcome.contacts))\n"
        }
        if entries.count > limit {
            text +=
                "... and \(entries.count - limit) more; --format json lists all \(entries.count), "
                + "--report FILE makes a page of them\n"
        }
        return text
    }

    /// What the ranking says, how sure that is, and how to be surer.
    package static func verdict(_ outcome: HostRanking.Outcome) -> [String] {
        let entries = outcome.entries
        let plain = entries.filter { $0.pattern != nil }
        func names(_ entries: some Collection<OutlierRanking.Entry>) -> String {
            let shown = entries.prefix(3).map { entry in
                who(entry) + (entry.pattern.map { " (\($0.title))" } ?? "")
            }
            let more = entries.count - shown.count
            return shown.joined(separator: ", ") + (more > 0 ? " and \(more) more" : "")
        }
        var lines = [
            plain.isEmpty
                ? "Nothing plain; the oddest are \(names(entries.prefix(3)))."
                : "Plain patterns: \(names(plain))."
        ]
        let seconds = Int64((outcome.last - outcome.first).wholeSeconds)
        let basis =
            "No model was given: \(entries.count) \(entries.count == 1 ? "host" : "hosts") of "
            + "\(TimeSpan(seconds: max(0, seconds))) are compared with each other"
        let isLittle = entries.count < leastHosts || seconds < leastSeconds
        lines.append(
            isLittle
                ? "\(basis); that is little, so that the order says little."
                : "\(basis), and what is usual here is not known.")
        lines.append(
            "A backup or a scanner of your own looks like an attack, and a quiet attack does not "
                + "stand out. A model of clean traffic tells: lazaret train -r CLEAN.pcap -o MODEL")
        lines.append(
            "Scores: up to 1 for being odd among the others; a known pattern adds more than 1, by "
                + "its strength.")
        if outcome.answerCount > 0 {
            let most = JSONObject.number(Double(OutlierRanking.mostByAnswers), digits: 1)
            lines.append(
                "Answers on \(outcome.answerCount) of these hosts move those that do the like by "
                    + "up to \(most); hosts with a known pattern stay before the others.")
        }
        return lines
    }

    /// With fewer hosts or less time, nearly every host is odd.
    private static let leastHosts = 10
    private static let leastSeconds: Int64 = 600

    /// ` (+0.12 by 10 answers)`; empty without answers.
    private static func leanText(
        _ entry: OutlierRanking.Entry, _ outcome: HostRanking.Outcome
    ) -> String {
        guard outcome.answerCount > 0 else { return "" }
        let moved = Double(entry.lean * OutlierRanking.mostByAnswers)
        return " (\(moved < 0 ? "" : "+")\(JSONObject.number(moved, digits: 2)) by "
            + "\(outcome.answerCount) \(outcome.answerCount == 1 ? "answer" : "answers"))"
    }

    private static func who(_ entry: OutlierRanking.Entry) -> String {
        entry.workload == "\(entry.subject)" || entry.workload == "outside"
            ? "\(entry.subject)" : "\(entry.workload.printable) (\(entry.subject))"
    }

    /// `57 peers, 1 port in the window; in the capture to 10.60.2.5 TCP 5432 (120 flows), ...`.
    package static func contactText(
        _ entry: OutlierRanking.Entry, _ contacts: ContactCounts
    ) -> String {
        func counted(_ feature: Feature, _ one: String) -> String {
            let count = Int(entry.window[feature].rounded())
            return "\(count) \(one)\(count == 1 ? "" : "s")"
        }
        let most = contacts.texts(of: entry.subject, limit: 3)
        return "\(counted(.peers, "peer")), \(counted(.ports, "port")) in the window"
            + (most.isEmpty ? "" : "; in the capture to \(most.joined(separator: ", "))")
    }

    /// One address as a JSON object.
    public static func json(
        _ entry: OutlierRanking.Entry, rank: Int, _ outcome: HostRanking.Outcome
    ) -> String {
        var object = JSONObject()
        object.put("rank", rank)
        object.put("offender", "\(entry.subject)")
        object.put("workload", entry.workload)
        object.put("pattern", entry.pattern?.rawValue)
        object.put("technique", entry.pattern?.technique)
        object.put("strength", Double(entry.strength), digits: 2)
        object.put("score", Double(entry.score))
        object.put("rank_score", Double(entry.rank))
        object.put("lean", outcome.answerCount > 0 ? Double(entry.lean) : nil)
        object.put("window_start", entry.window.startSecond)
        object.put("window_end", entry.window.endSecond + 1)
        object.put("reasons", json: Event.Alert.Reason.json(reasons(entry), entry.window.scale))
        object.put("peers", Int(entry.window[.peers].rounded()))
        object.put("ports", Int(entry.window[.ports].rounded()))
        object.put(
            "contacts",
            outcome.contacts.contacts(of: entry.subject).prefix(20).map { contact, flows in
                var object = JSONObject()
                object.put("address", "\(contact.address)")
                object.put("proto", contact.protocolName)
                object.put("port", contact.port == 0 ? nil : Int(contact.port))
                object.put("flows", flows)
                return object
            })
        var amounts = JSONObject()
        for (name, value) in entry.amounts { amounts.put(name, Double(value)) }
        object.put("values", amounts)
        return object.text
    }

    /// The alert of one address; there is no threshold without a baseline.
    public static func event(_ entry: OutlierRanking.Entry) -> Event {
        var alert = Event.Alert(
            looksLike: entry.pattern, severity: .low, offender: entry.subject,
            workload: entry.workload, scale: entry.window.scale, score: Double(entry.score))
        alert.reasons = reasons(entry)
        alert.decision = .undecided
        return Event(time: Timestamp(second: entry.window.endSecond + 1), .alert(alert))
    }

    /// The sentences; what they compare with is no baseline, so that there are no numbers of one.
    private static func reasons(_ entry: OutlierRanking.Entry) -> [Event.Alert.Reason] {
        entry.reasons.map { Event.Alert.Reason(text: $0.text) }
    }
}
