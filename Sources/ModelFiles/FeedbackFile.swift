import AnomalyDetection
public import AnomalyModel
import AttackPatterns
import BaselineGraph
package import Events
import FeatureExtraction
import FoundationEssentials
import NetworkAddresses
import SystemSupport
import TextFormats
import Timestamps

/// The feedback on a model's alerts: JSON lines in a file beside the model's, newest last.
public enum FeedbackFile {
    /// One line.
    private struct Line: Codable {
        var time: String
        var eventID: String
        var judgement: String
        var workload: String
        var subject: String
        var peer: String?
        var service: UInt32
        var scaleSeconds: Int
        var pattern: String?
        var values: [String: Float]

        enum CodingKeys: String, CodingKey {
            case time, judgement, workload, subject, peer, service, pattern, values
            case eventID = "event_id"
            case scaleSeconds = "scale_s"
        }
    }

    /// The file that belongs to the model at `path`.
    public static func path(of model: String) -> String { model + ".feedback.jsonl" }

    /// The feedback on the model at `path`; empty if there is no file.
    ///
    /// - Throws: `.input` with the line that cannot be read.
    public static func read(_ model: String) throws -> [Feedback] {
        try lines(model).map(\.feedback)
    }

    /// The feedback as text, one line for each alert.
    public static func list(_ model: String) throws -> String {
        let lines = try lines(model)
        guard !lines.isEmpty else { return "no feedback on \(model)\n" }
        return lines.map { line, feedback in
            let values = feedback.values.sorted { $0.key.rawValue < $1.key.rawValue }.map {
                "\(FeatureSchema.description(of: $0.key).name) \($0.value)"
            }
            let contact = feedback.peer.map { " to \($0) \(feedback.service)" } ?? ""
            let text =
                "\(line.time)  \(feedback.eventID)  \(line.judgement)  \(feedback.workload)"
                    + """
                    \(contact)  \(feedback.pattern?.title ?? "no pattern"), \
                    \(feedback.scale.seconds) s: \
                    \(values.joined(separator: ", "))
                    """
            return text.printable
        }.joined(separator: "\n") + "\n"
    }

    /// Adds feedback on the alert `eventID`, replacing earlier feedback on it.
    ///
    /// - Parameter source: contains the alert.
    /// - Throws: `.input` if the alert is not found, `.output` if the file cannot be written.
    @discardableResult
    package static func add(
        _ eventID: String, _ judgement: Feedback.Judgement, source: EVEReader, model: String
    ) throws -> Feedback {
        var line = try alert(eventID, in: source)
        line.judgement = judgement.rawValue
        let kept = try lines(model).map(\.line).filter { $0.eventID != eventID }
        try write(kept + [line], model)
        return try feedback(line, "\(source.path): event \(eventID)")
    }

    /// Adds the feedback *benign* on all that an incident reached; replaces earlier feedback on it.
    ///
    /// - Throws: `.output` if the file cannot be written.
    package static func add(
        benign incident: IncidentSummary, model: String
    ) throws -> FeedbackEffect {
        let said = lines(
            Line(
                time: UTC.timestamp(Timestamp(second: incident.start)), eventID: incident.eventID,
                judgement: Feedback.Judgement.benign.rawValue,
                workload: incident.workload == "outside" ? incident.offender : incident.workload,
                subject: incident.offender, service: 0, scaleSeconds: incident.scale.seconds,
                values: [:]),
            incident.patterns.compactMap(Pattern.init(named:)),
            incident.peaks ?? IncidentSummary.Peaks(), seconds: incident.end - incident.start)
        return try replace(incident.eventID, said, incident.peaks?.hasMoreContacts ?? false, model)
    }

    /// The same for the incident that begins with an alert, as far as its alerts tell.
    ///
    /// - Throws: `.input` if the alert is not found, `.output` if the file cannot be written.
    package static func add(
        benign eventID: String, source: EVEReader, model: String
    ) throws -> FeedbackEffect {
        if let incident = source.incident(eventID) {
            return try add(benign: incident, model: model)
        }
        let alerts = source.alerts(since: try source.alert(eventID).alert)
        var head = try alert(eventID, in: source)
        head.judgement = Feedback.Judgement.benign.rawValue
        (head.peer, head.service, head.values) = (nil, 0, [:])
        let peaks = IncidentSummary.Peaks(alerts: alerts)
        var patterns: [Pattern] = []
        for pattern in alerts.compactMap(\.pattern) where !patterns.contains(pattern) {
            patterns.append(pattern)
        }
        let windows = alerts.compactMap(\.window)
        let start = windows.map(\.lowerBound).min() ?? 0
        let seconds = (windows.map(\.upperBound).max() ?? start) - start
        return try replace(
            eventID, lines(head, patterns, peaks, seconds: seconds), peaks.hasMoreContacts, model)
    }

    /// The lines of an incident: the values of each scale, the further contacts, and the patterns
    /// that have no amount.
    ///
    /// - Parameter seconds: how long it lasted.
    private static func lines(
        _ head: Line, _ patterns: [Pattern], _ peaks: IncidentSummary.Peaks, seconds: Int
    ) -> [Line] {
        func to(_ contact: Event.Alert.Contact?, _ line: Line) -> Line {
            var line = line
            line.peer = contact.map { "\($0.address)" }
            line.service =
                contact.map { Service(ipProtocol: $0.ipProtocol, port: $0.port ?? 0).rawValue } ?? 0
            return line
        }
        var lines: [Line] = []
        var head = head
        head.pattern = patterns.first { !$0.isRule }?.rawValue
        for (scale, values) in peaks.addedUp(over: seconds) {
            var line = to(peaks.contacts.first, head)
            line.scaleSeconds = scale.seconds
            line.values = Dictionary(
                uniqueKeysWithValues: values.map { (FeatureSchema.description(of: $0).name, $1) })
            lines.append(line)
        }
        let hasNamed = lines.contains { (try? feedback($0, ""))?.excusesContact == true }
        if hasNamed { lines += peaks.contacts.dropFirst().map { to($0, head) } }
        for pattern in patterns where pattern.isRule {
            var line = head
            line.pattern = pattern.rawValue
            lines.append(line)
        }
        return lines
    }

    private static func replace(
        _ eventID: String, _ said: [Line], _ hasMoreContacts: Bool, _ model: String
    ) throws -> FeedbackEffect {
        let kept = try lines(model).map(\.line).filter { $0.eventID != eventID }
        try write(kept + said, model)
        return FeedbackEffect(
            try said.map { try feedback($0, "event \(eventID)") },
            hasMoreContacts: hasMoreContacts)
    }

    /// Whether there is feedback on the alert `eventID`.
    package static func contains(_ eventID: String, model: String) throws -> Bool {
        try lines(model).contains { $0.line.eventID == eventID }
    }

    /// Removes the feedback on the alert `eventID`.
    ///
    /// - Throws: `.input` if there is none.
    public static func withdraw(_ eventID: String, model: String) throws {
        let all = try lines(model).map(\.line)
        let kept = all.filter { $0.eventID != eventID }
        guard kept.count < all.count else {
            throw IOError.input(
                path: path(of: model), reason: "nothing was said of event \(eventID)")
        }
        try write(kept, model)
    }

    private static func lines(_ model: String) throws -> [(line: Line, feedback: Feedback)] {
        let path = path(of: model)
        guard FileManager.default.fileExists(atPath: path) else { return [] }
        let data: Data
        do {
            data = Data(try Files.read(path))
        } catch {
            throw IOError.input(path: path, reason: "\(error)")
        }
        return try data.split(separator: UInt8(ascii: "\n")).enumerated().map { number, text in
            guard let line = try? JSONDecoder().decode(Line.self, from: Data(text)) else {
                throw IOError.input(
                    path: path, reason: "line \(number + 1) is no feedback; take it out")
            }
            return (line, try feedback(line, "\(path): line \(number + 1)"))
        }
    }

    private static func feedback(_ line: Line, _ place: String) throws -> Feedback {
        func fail(_ what: String) -> IOError {
            .input(path: place, reason: "\(what) means nothing to this program")
        }
        guard let judgement = Feedback.Judgement(rawValue: line.judgement) else {
            throw fail(line.judgement)
        }
        guard let subject = IPAddress(line.subject) else { throw fail(line.subject) }
        guard let scale = Scale.allCases.first(where: { $0.seconds == line.scaleSeconds }) else {
            throw fail("scale \(line.scaleSeconds)")
        }
        var values: [Feature: Float] = [:]
        for (name, value) in line.values {
            guard let row = FeatureSchema.table.first(where: { $0.name == name }) else {
                throw fail("feature \(name)")
            }
            values[row.feature] = value
        }
        let pattern = line.pattern.flatMap(Pattern.init(named:))
        var peer = line.peer.flatMap { IPAddress($0) }
        if pattern?.isIndicator == true {
            // The judgement is of the list: neither contact nor traffic becomes ordinary by it.
            values = [:]
            peer = nil
        }
        return Feedback(
            eventID: line.eventID, judgement: judgement, workload: line.workload,
            subject: subject, peer: peer,
            service: Service(rawValue: line.service), scale: scale, pattern: pattern,
            values: values)
    }

    private static func write(_ lines: [Line], _ model: String) throws {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let text = try lines.map { String(decoding: try encoder.encode($0), as: UTF8.self) + "\n" }
        let folder = model.parentPath
        try FileOwner.acting(asOwnerOf: folder.isEmpty ? "." : folder) {
            try OutputFile.replace(
                path(of: model), with: Array(text.joined().utf8), access: .everybody)
        }
    }

    // MARK: events

    private static func alert(_ eventID: String, in source: EVEReader) throws -> Line {
        let (event, alert) = try source.alert(eventID)
        let offender = "\(alert.offender)"
        let measured = alert.reasons.compactMap(\.measurement)
        return Line(
            time: UTC.timestamp(event.time), eventID: eventID, judgement: "",
            workload: alert.workload == "outside" ? offender : alert.workload,
            subject: offender, peer: alert.contact.map { "\($0.address)" },
            service: Service(
                ipProtocol: alert.contact?.ipProtocol ?? 0, port: alert.contact?.port ?? 0
            ).rawValue,
            scaleSeconds: alert.scale.seconds, pattern: alert.pattern?.rawValue,
            values: Dictionary(
                measured.map { ($0.feature, Float($0.value)) }, uniquingKeysWith: { $1 }))
    }
}
