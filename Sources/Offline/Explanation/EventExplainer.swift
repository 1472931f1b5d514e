import AnomalyDetection
public import AnomalyModel
import AttackPatterns
public import Events
import FeatureExtraction
import FoundationEssentials
import NetworkAddresses
public import SystemSupport
import TextFormats
import Timestamps
public import Workloads

/// Collects the explanation of an alert from the event file, the model and captures.
public struct EventExplainer {
    /// Where the alert, the changes of its rule, and flows are read.
    private enum Source {
        /// An EVE file.
        case file(String)
        /// Lines of EVE JSON and flows, from a place of this name.
        case lines([String], flows: [EVEFlow], name: String)
    }

    public var eventID: String
    private let source: Source
    /// The model that raised the alert, with its path.
    public var model: (path: String, model: Model)?
    public var inventory: Inventory?
    /// Captures that contain its packets.
    public var captures: [String] = []
    /// Whether workloads are named by notes in the captures.
    public var trustsNotes = false

    /// - Parameter events: the EVE file that contains the alert.
    public init(eventID: String, events: String) {
        self.eventID = eventID
        source = .file(events)
    }

    /// - Parameters:
    ///   - lines: the alert and the changes of its rule, as EVE JSON.
    ///   - flows: flows of the offender in the time of the alert's window.
    ///   - name: their place, for people.
    package init(eventID: String, lines: [String], flows: [EVEFlow], from name: String) {
        self.eventID = eventID
        source = .lines(lines, flows: flows, name: name)
    }

    /// - Throws: `.input` if the alert is not found or a capture cannot be read.
    public func run(progress: ProgressReport? = nil) throws -> EventExplanation {
        let file =
            switch source {
            case .file(let path): try EVEReader(path)
            case .lines(let lines, _, let name): EVEReader(lines: lines, name: name)
            }
        let (event, alert) = try file.alert(eventID)
        let spool = captures.isEmpty ? nil : try InputSpool(captures)
        var explanation = EventExplanation(of: alert, at: event.time)
        explanation.baselineKind = alert.baseline.map(Self.kind)
        explanation.isCaptureFileThere =
            alert.captureFile.map { FileManager.default.fileExists(atPath: $0) } ?? false
        if let model {
            var window: Window?
            if let end = alert.window?.upperBound, let spool {
                window = try find(alert, endSecond: end - 1, in: spool, model.model, progress)
                if window == nil {
                    explanation.notes.append(
                        "the captures do not contain the alert's window")
                }
            }
            judge(window, alert, model.model, &explanation)
        } else {
            explanation.nearestNote = "give the model with -m MODEL to compute it"
        }
        try addFlows(file, alert, spool, progress, &explanation)
        addUndo(file, alert, &explanation)
        return explanation
    }

    private static func kind(ofBaseline name: String) -> String {
        if name == ScaleBaseline.node { return "node" }
        if name.hasPrefix("image ") { return "image" }
        return name.hasPrefix("network ") ? "network" : "workload"
    }

    // MARK: - The model

    /// The window of the alert, found by replaying the captures.
    private func find(
        _ alert: Event.Alert, endSecond: Int, in spool: InputSpool, _ model: Model,
        _ progress: ProgressReport?
    ) throws -> Window? {
        var replay = Replay(paths: captures, model: model)
        replay.spool = spool
        replay.inventory = inventory
        replay.trustsNotes = trustsNotes
        var found: Window?
        _ = try replay.run(progress: progress) { window, _ in
            if window.subject == alert.offender, window.scale == alert.scale,
                window.endSecond == endSecond
            {
                found = window
            }
        }
        return found
    }

    private func judge(
        _ window: Window?, _ alert: Event.Alert, _ model: Model,
        _ explanation: inout EventExplanation
    ) {
        let (offender, scale) = (alert.offender, alert.scale)
        if let raised = alert.modelID, raised != model.identifier {
            explanation.notes.append(
                "model \(raised) raised the alert, this one is \(model.identifier): "
                    + "the following is computed with this one"
            )
        }
        let detector = Detector(model: model, inventory: inventory ?? model.provenance.inventory)
        let baseline = detector.baseline(of: offender, scale: scale)
        explanation.baselineWindows = baseline?.windowCount
        if let baseline, baseline.name != alert.baseline {
            explanation.baseline = baseline.name
            explanation.baselineKind = Self.kind(ofBaseline: baseline.name)
        }
        guard
            let values = window.map({ window in Feature.allCases.map { window[$0] } })
                ?? told(alert, detector.medianValues(of: offender, scale: scale))
        else {
            explanation.nearestNote = "the model has no baseline for it"
            return
        }
        let asked = Window(
            subject: offender, scale: scale, endSecond: alert.window?.upperBound ?? 0,
            values: values)
        guard let counterfactual = detector.counterfactual(for: asked) else {
            if alert.running != nil {
                explanation.nearestNote =
                    "the window by itself is not anomalous; the minutes together are"
                return
            }
            explanation.nearestNote =
                window == nil
                ? "the alert alone does not reproduce the anomaly; name its capture with -r"
                : "with this model and its feedback, the window is no longer anomalous"
            return
        }
        explanation.nearest = EventExplanation.Nearest(
            changes: counterfactual.changes.map { change in
                let description = FeatureSchema.description(of: change.feature)
                return EventExplanation.Change(
                    feature: description.name, unit: description.unit, from: Double(change.from),
                    to: Double(change.to))
            }, scoreBefore: Double(counterfactual.scoreBefore),
            scoreAfter: Double(counterfactual.scoreAfter),
            threshold: Double(counterfactual.threshold),
            isWithinRange: counterfactual.isWithinRange,
            isExact: window != nil)
    }

    /// The values that the alert contains; the others are the medians of the baseline.
    private func told(_ alert: Event.Alert, _ medians: [Float]?) -> [Float]? {
        guard var values = medians else { return nil }
        for measured in alert.reasons.compactMap(\.measurement) {
            guard let row = FeatureSchema.table.first(where: { $0.name == measured.feature }) else {
                continue
            }
            values[row.feature.rawValue] = Float(measured.value)
        }
        return values
    }

    // MARK: - Flows

    private func addFlows(
        _ file: EVEReader, _ alert: Event.Alert, _ spool: InputSpool?,
        _ progress: ProgressReport?, _ explanation: inout EventExplanation
    ) throws {
        guard let window = alert.window else {
            explanation.flowSource = "the alert has no time of its window"
            return
        }
        var flows = OffenderFlows(
            offender: alert.offender,
            from: Timestamp(second: window.lowerBound),
            to: Timestamp(second: window.upperBound))
        flows.link = alert.pattern == .spoofing ? alert.link : nil
        flows.prefersVolume = alert.pattern?.isByVolume ?? false
        flows.contact = alert.contact.map { OffenderFlows.end("\($0.address)", $0.port) }
        if let model {
            flows.know(model.model.graph, inventory ?? model.model.provenance.inventory)
        }
        if let spool {
            try flows.meter(spool.paths, progress)
            explanation.flowSource = "metered from \(captures.joined(separator: ", "))"
        } else {
            let place: String
            switch source {
            case .file(let path):
                file.forEachFlow(from: "\(alert.offender)") { flows.add($0) }
                place = "flow events of \(path)"
            case .lines(_, let stored, _):
                for flow in stored where flow.source == alert.offender { flows.add(flow) }
                place = "flow history"
            }
            explanation.flowSource =
                flows.count > 0
                ? "from the \(place)"
                : "no flows of \(alert.offender) in the \(place); name its capture with -r FILE"
        }
        explanation.flows = flows.telling
        explanation.flowCount = flows.count
    }

    // MARK: - Undo

    private func addUndo(
        _ file: EVEReader, _ alert: Event.Alert, _ explanation: inout EventExplanation
    ) {
        let changes = alert.quarantineID.map(file.changes) ?? []
        explanation.changes = changes.map { ($0.event.time, $0.change) }
        if let rule = changes.last(where: { [.add, .extend].contains($0.change.action) }) {
            explanation.undo.append(rule.change.undo)
        }
        var words = ["lazaret", "feedback", eventID, "--benign"]
        if case .file(let path) = source {
            words += ["-m", model?.path ?? "MODEL", "--events", path]
        }
        explanation.undo.append(Shell.line(words))
    }
}

extension Pattern {
    /// Whether the pattern shows in the volume of one flow, and not in the number of flows.
    fileprivate var isByVolume: Bool {
        switch self {
        case .packetFlood, .dnsTunnel, .icmpTunnel, .exfiltration: true
        default: false
        }
    }
}
