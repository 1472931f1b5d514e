import AnomalyDetection
import AttackPatterns
import Events
import FeatureExtraction
import Foundation
import NetworkAddresses
import Quarantine
import Timestamps

/// Events with all fields, and with as few as possible.
enum Samples {
    /// 2026-11-21T01:12:57.000250 UTC.
    static let time = Timestamp(second: 1_795_223_577, nanoseconds: 250_000)

    static var fullAlert: Event.Alert {
        var alert = Event.Alert(
            identifier: "d346eb09b7787e59", looksLike: .verticalScan, severity: .high,
            offender: IPAddress(v4: 0x0A3C_040D), workload: "worker \"1\"\\\n\u{1}é", scale: .short,
            score: 0.9817)
        alert.isBlocked = true
        alert.link = MACAddress(0x0242_0A3C_040D)
        alert.contact = Event.Alert.Contact(
            address: IPAddress(v4: 0x0A3C_0305), ipProtocol: 6, sourcePort: 56453, port: 853)
        alert.target = AttackTarget(
            address: IPAddress(v4: 0x0A3C_0305), workload: "db", ipProtocol: 6, port: 853,
            portCount: 881)
        alert.origin = .interface("br0")
        alert.captureFile = "packets/20261121T011257Z-worker.pcapng"
        alert.window = 1_795_223_567..<1_795_223_577
        alert.pValue = 0.0012
        alert.threshold = 0.75
        alert.baseline = "worker"
        alert.modelID = "f2aca0987b02bc03"
        alert.pattern = .verticalScan
        alert.reasons = [
            Event.Alert.Reason(
                text: "881 distinct destination ports in 10 s; clean maximum 1",
                measurement: Event.Alert.Measurement(
                    feature: "ports", value: 881.38, unit: "ports", baselineMedian: 1,
                    baselineP99: 1.5, share: 0.105))
        ]
        alert.decision = .quarantine
        alert.quarantineID = "q-17"
        return alert
    }

    /// An alert of many minutes, none of which is anomalous by itself.
    static var minutesAlert: Event.Alert {
        var alert = rankedAlert
        alert.identifier = "d346eb09b7787e60"
        alert.running = RunningEvidence(minutes: 6, log10: 5.25, lineLog10: 4.75)
        return alert
    }

    /// A ranked address, as without a baseline.
    static var rankedAlert: Event.Alert {
        var alert = Event.Alert(
            looksLike: nil, severity: .low, offender: IPAddress("fd00::1") ?? .unspecified,
            workload: "fd00::1", scale: .long, score: 1)
        alert.reasons = [Event.Alert.Reason(text: "3034 flows opened in 600 s")]
        alert.decision = .undecided
        return alert
    }

    /// A flood whose senders are not known.
    static var floodAlert: Event.Alert {
        var alert = Event.Alert(
            identifier: "0123456789abcdef", looksLike: .ackFlood, severity: .low,
            offender: .unspecified, workload: "unknown senders", scale: .short, score: 0.99)
        alert.contact = Event.Alert.Contact(
            address: IPAddress(v4: 0x0A3C_0305), ipProtocol: 6, sourcePort: 1, port: 80)
        alert.target = AttackTarget(
            address: IPAddress(v4: 0x0A3C_0305), ipProtocol: 6, port: 80, addressCount: 7,
            pairCount: 3)
        alert.pattern = .ackFlood
        return alert
    }

    static func change(_ target: String, isFull: Bool) -> Event.QuarantineChange {
        var change = Event.QuarantineChange(
            quarantineID: "q-17", action: isFull ? .refuse : .add,
            target: QuarantineTarget(target) ?? .link(.zero), response: isFull ? .egress : .drop,
            until: time + .seconds(600), reason: "port scan",
            undo: "lazaret quarantine release \(target)")
        guard isFull else { return change }
        change.refusal = "allowlisted: scanner"
        change.eventID = "d346eb09b7787e59"
        change.workload = "worker"
        change.isDryRun = true
        change.failure = "the kernel refused it"
        return change
    }

    static var statistics: Event.Statistics {
        var statistics = Event.Statistics(uptimeSeconds: 60)
        statistics.capture = ["kernel_packets": 7, "kernel_drops": 0]
        statistics.decoder = ["frames": 7]
        statistics.flow = ["flows_started": 3]
        statistics.lazaret = ["hosts": UInt64(Int.max)]
        statistics.sinks = [
            Event.Statistics.Sink(
                name: "eve.json", written: 5, dropped: 1, waiting: 2, lagSeconds: 0.5,
                trouble: "No space left on device"),
            Event.Statistics.Sink(
                name: "store", written: 5, dropped: 0, waiting: 0, lagSeconds: 0, trouble: nil),
        ]
        return statistics
    }

    static var events: [Event] {
        [
            Event(time: time, .alert(fullAlert)), Event(time: .epoch, .alert(rankedAlert)),
            Event(time: time, .quarantine(change("10.60.4.13", isFull: true))),
            Event(time: time, .quarantine(change("10.60.4.0/24", isFull: false))),
            Event(time: time, .quarantine(change("fd00::/64", isFull: false))),
            Event(time: time, .quarantine(change("02:42:0a:3c:04:0d", isFull: false))),
            Event(time: time, .stats(statistics)), Event(time: time, .alert(minutesAlert)),
            Event(time: time, .alert(floodAlert)),
            Event(
                time: time,
                .response(
                    Event.ResponseChange(
                        entry: "cut", action: "disconnect", state: .inEffect, quarantineID: "q-17",
                        target: "10.60.4.13", object: "web-1", workload: "shop/web",
                        eventID: "d346eb09b7787e59", detail: "in effect"))),
            Event(
                time: time,
                .response(
                    Event.ResponseChange(
                        entry: "cut", action: "evict", state: .left, quarantineID: "q-18",
                        target: "fd00::1", object: "fd00::1"))),
        ]
    }

    /// Lines of version 0.1.0: an alert of each pattern, each kind of rule change, two ranked
    /// addresses, a flow, and counters.
    static let firstVersion = "Tests/EventsTests/0.1.0.jsonl"

    static func firstVersionLines() throws -> [String] {
        try String(contentsOfFile: firstVersion, encoding: .utf8).split(separator: "\n")
            .map(String.init)
    }
}
