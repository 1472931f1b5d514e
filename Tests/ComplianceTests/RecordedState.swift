import AnomalyDetection
import AttackPatterns
import EventStore
import Events
import FeatureExtraction
import FlowHistory
import FlowMetering
import Foundation
import NetworkAddresses
import Quarantine
import RuntimeEvents
import TestKit
import Testing
import TextFormats
import Timestamps

/// A state directory with the records of five days, ten days ago, as a monitor leaves them.
struct RecordedState {
    static let day: Int64 = 86_400

    let scratch: Scratch
    /// As a running monitor has it.
    let store: EventStore
    /// Midnight of the first day.
    let start: Timestamp

    var directory: String { scratch.url.path }
    var period: [String] { ["--from", time(0), "--to", time(5)] }

    init() throws {
        scratch = try Scratch()
        store = try EventStore(directory: scratch.url.path)
        let today = Int64(Clock.now().second) / Self.day * Self.day
        start = Timestamp(second: today - 10 * Self.day)
    }

    /// The time of day `days`, as an option.
    func time(_ days: Double) -> String {
        UTC.timestamp(start + .seconds(Int64(days * Double(Self.day))))
            .replacingOccurrences(of: "+0000", with: "Z")
    }

    func moment(_ days: Double) -> Timestamp {
        start + .seconds(Int64(days * Double(Self.day)))
    }

    /// Records a running monitor: its counters once an hour.
    func run(fromDay first: Double, toDay last: Double, drops: UInt64 = 0) throws {
        let began = moment(first)
        var rows: [StoredStatistics] = []
        var time = began + .seconds(3600)
        while time <= moment(last) {
            var statistics = Event.Statistics(uptimeSeconds: (time - began).wholeSeconds)
            statistics.capture = ["kernel_drops": drops]
            rows.append(StoredStatistics(RenderedEvent(Event(time: time, .stats(statistics)))))
            time += .seconds(3600)
        }
        try store.record(statistics: rows)
    }

    func audit(_ actor: String, _ action: String, onDay day: Double, _ subject: String) throws {
        try store.write(
            [],
            [
                AuditEntry(
                    time: moment(day), actor: actor, action: action, subject: subject,
                    detail: "detail")
            ], notes: [:])
    }

    func alert(_ identifier: String, onDay day: Double, workload: String = "web") throws {
        var alert = Event.Alert(
            identifier: identifier, looksLike: .beacon, severity: .high,
            offender: IPAddress(v4: 1), workload: workload, scale: .short, score: 1)
        alert.reasons = [Event.Alert.Reason(text: "a reason")]
        try store.record(events: [
            StoredEvent(
                RenderedEvent(Event(time: moment(day), .alert(alert))), recorded: moment(day))
        ])
    }

    func runtimeEvent(_ rule: String, onDay day: Double, _ priority: RuntimeEvent.Priority) throws {
        let event = RuntimeEvent(
            time: moment(day), tool: .falco, rule: rule, priority: priority, process: "bash")
        let report = Event.RuntimeReport(workload: "web", source: "falco", event: event)
        try store.record(events: [
            StoredEvent(
                RenderedEvent(Event(time: moment(day), .runtime(report))), recorded: moment(day))
        ])
    }

    func incident(_ identifier: String, onDay day: Double, workload: String = "web") throws {
        let second = moment(day).second
        try store.record(incidents: [
            StoredIncident(
                IncidentSummary(
                    eventID: identifier, offender: "10.0.0.1", workload: workload, start: second,
                    end: second + 60, patterns: [], summary: "", score: 1, pValue: 0,
                    threshold: 0.75, baseline: "web", windows: 1, decision: .watch, reasons: []))
        ])
    }

    /// Flows from web to the database, one each hour, by TLS or by a protocol without encryption.
    func flows(toPort port: UInt16, state: ConnectionState = .sf) {
        let (web, database) = (IPAddress(v4: 0x0A00_0001), IPAddress(v4: 0x0A00_0002))
        var options = HistoryOptions()
        options.age = .seconds(100 * Self.day)
        let writer = HistoryWriter(
            directory: directory, options: options, logger: CollectedLog().logger
        ) { address, _ in address == web ? "web" : address == database ? "database" : nil }
        writer.submit(
            (0..<120).map { hour in
                let time = start + .seconds(Int64(hour) * 3600)
                var entry = FlowEntry(
                    from: web, 40_000, to: database, port, ipProtocol: 6, start: time,
                    end: time + .seconds(1))
                entry.state = state
                return entry
            })
        writer.stop()
    }

    /// Everything that a careful operator would have.
    func fill() throws {
        try audit("lazaret", "restore", onDay: 0, "tables")
        try run(fromDay: 0, toDay: 5)
        try alert("alert1", onDay: 0.0001)
        try incident("alert1", onDay: 1)
        try store.record(
            Triage(.malicious, comment: "", actor: "alice", time: moment(1.1)), of: "alert1")
        try audit("policy", "fence", onDay: 1, "10.0.0.1")
        try audit("lazaret", "response stop", onDay: 1.01, "web")
        try audit("alice", "release", onDay: 2, "10.0.0.1")
        flows(toPort: 443)
    }

    func standard(_ controls: String) throws -> String {
        try scratch.write(
            "own.yaml",
            Data(
                """
                standard: {id: own, title: Own rules, version: "1", source: intranet}
                controls:
                \(controls)
                """.utf8))
    }

    func report(_ words: [String], standard: String) throws -> Run {
        try Run(
            ["report", "compliance", "--standard", standard, "--state", directory] + period + words)
    }
}
