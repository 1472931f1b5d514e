public import AnomalyDetection
public import Events
import FeatureExtraction
import FoundationEssentials
import NetworkAddresses
public import SystemSupport
import TextFormats
import Timestamps
public import Workloads

/// Gathers all there is to say of an alert: from the event file, from the model, and from captures.
public struct EventExplainer {
    public var eventID: String
    /// EVE file that holds the alert.
    public var events: String
    /// The model that raised it, with its path.
    public var model: (path: String, model: Model)?
    public var inventory: Inventory?
    /// Captures that hold its packets.
    public var captures: [String] = []
    /// Whether notes in the captures name workloads.
    public var trustsNotes = false

    public init(eventID: String, events: String) {
        self.eventID = eventID
        self.events = events
    }

    /// - Throws: `.input` where the alert is not there or a capture cannot be read.
    public func run(progress: ProgressReport? = nil) throws -> EventExplanation {
        let file = try EVEReader(events)
        let alert = try file.alert(eventID)
        let details = alert.lazaret
        guard let scale = Scale.allCases.first(where: { $0.seconds == details.scale_s }),
            let offender = IPAddress(details.offender)
        else {
            throw IOError.input(
                path: events, reason: "event \(eventID): its window or offender means nothing here")
        }
        let spool = captures.isEmpty ? nil : try InputSpool(captures)
        var explanation = describe(alert)
        if let model {
            let end = details.window_end.map { $0 &- 1 }
            var window: Window?
            if let end, let spool {
                window = try find(offender, scale, end, in: spool, model.model, progress)
                if window == nil {
                    explanation.notes.append(
                        "the captures do not hold the alert's window: is it another capture?")
                }
            }
            judge(window, offender, scale, details, model.model, &explanation)
        } else {
            explanation.nearestNote = "name the model with -m MODEL to have it computed"
        }
        try addFlows(file, alert, offender, spool, progress, &explanation)
        addUndo(file, details, &explanation)
        return explanation
    }

    /// What the event itself says.
    private func describe(_ alert: EVEReader.Alert) -> EventExplanation {
        let details = alert.lazaret
        var explanation = EventExplanation()
        explanation.eventID = eventID
        explanation.time = alert.timestamp
        explanation.workload = details.workload
        explanation.offender = details.offender
        let pattern = details.pattern.flatMap { Pattern(rawValue: $0) }
        explanation.title = pattern?.title ?? "unusual traffic"
        explanation.technique = details.technique
        explanation.contact = alert.dest_ip.map { address in
            [address, alert.proto, alert.dest_port.map { "\($0)" }].compactMap { $0 }
                .joined(separator: " ")
        }
        explanation.windowSeconds = details.scale_s
        explanation.windowStart = details.window_start
        explanation.windowEnd = details.window_end
        explanation.score = details.score
        explanation.threshold = details.threshold
        explanation.pValue = details.p_value
        explanation.decision = details.decision
        explanation.modelID = details.model_id
        explanation.reasons = details.reasons.map { reason in
            EventExplanation.Reason(
                feature: reason.feature, text: reason.text ?? reason.feature,
                unit: reason.unit ?? "", value: Double(reason.value),
                median: reason.baseline_p50.map(Double.init),
                p99: reason.baseline_p99.map(Double.init), share: reason.share.map(Double.init))
        }
        explanation.baseline = details.baseline
        explanation.baselineKind = details.baseline.map { Self.kind(ofBaseline: $0) }
        explanation.slice = alert.capture_file
        explanation.isSliceThere =
            alert.capture_file.map { FileManager.default.fileExists(atPath: $0) } ?? false
        return explanation
    }

    private static func kind(ofBaseline name: String) -> String {
        if name == ScaleBaseline.node { return "node" }
        if name.hasPrefix("image ") { return "image" }
        return name.hasPrefix("network ") ? "network" : "workload"
    }

    // MARK: - The model

    /// The window that the alert is about, as replaying the captures gives it.
    private func find(
        _ offender: IPAddress, _ scale: Scale, _ endSecond: Int, in spool: InputSpool,
        _ model: Model, _ progress: ProgressReport?
    ) throws -> Window? {
        var replay = Replay(paths: captures, model: model)
        replay.spool = spool
        replay.inventory = inventory
        replay.trustsNotes = trustsNotes
        var found: Window?
        _ = try replay.run(progress: progress) { window, _ in
            if window.subject == offender, window.scale == scale, window.endSecond == endSecond {
                found = window
            }
        }
        return found
    }

    private func judge(
        _ window: Window?, _ offender: IPAddress, _ scale: Scale,
        _ details: EVEReader.Alert.Details, _ model: Model,
        _ explanation: inout EventExplanation
    ) {
        if let raised = details.model_id, raised != model.identifier {
            explanation.notes.append(
                "model \(raised) raised the alert, this one is \(model.identifier): what follows is this one's word"
            )
        }
        let detector = Detector(model: model, inventory: inventory ?? model.provenance.inventory)
        let baseline = detector.baseline(of: offender, scale: scale)
        explanation.baselineWindows = baseline?.windowCount
        if let baseline, baseline.name != details.baseline {
            explanation.baseline = baseline.name
            explanation.baselineKind = Self.kind(ofBaseline: baseline.name)
        }
        guard
            let values = window?.values
                ?? told(details, detector.medianValues(of: offender, scale: scale))
        else {
            explanation.nearestNote = "the model has no baseline for it"
            return
        }
        let asked = Window(
            subject: offender, scale: scale, endSecond: details.window_end ?? 0, values: values)
        guard let remedy = detector.remedy(for: asked) else {
            explanation.nearestNote =
                window == nil
                ? "what the alert tells is not enough to find it odd again; name its capture with -r"
                : "by this model, and what was said of its alerts, the window is no longer odd"
            return
        }
        explanation.nearest = EventExplanation.Nearest(
            changes: remedy.changes.map { change in
                let description = FeatureSchema.description(of: change.feature)
                return EventExplanation.Change(
                    feature: description.name, unit: description.unit, from: Double(change.from),
                    to: Double(change.to))
            }, scoreBefore: Double(remedy.scoreBefore), scoreAfter: Double(remedy.scoreAfter),
            threshold: Double(remedy.threshold), isWithinRange: remedy.isWithinRange,
            isExact: window != nil)
    }

    /// The values that the alert tells, in an otherwise ordinary window.
    private func told(_ details: EVEReader.Alert.Details, _ medians: [Float]?) -> [Float]? {
        guard var values = medians else { return nil }
        for reason in details.reasons {
            guard let row = FeatureSchema.table.first(where: { $0.name == reason.feature }) else {
                continue
            }
            values[row.feature.rawValue] = reason.value
        }
        return values
    }

    // MARK: - Flows

    private func addFlows(
        _ file: EVEReader, _ alert: EVEReader.Alert, _ offender: IPAddress, _ spool: InputSpool?,
        _ progress: ProgressReport?, _ explanation: inout EventExplanation
    ) throws {
        let details = alert.lazaret
        guard let start = details.window_start, let end = details.window_end else {
            explanation.flowSource = "the alert does not say when its window was"
            return
        }
        var flows = OffenderFlows(
            offender: offender, from: Int64(start).multipliedClamping(by: 1_000_000_000),
            to: Int64(end).multipliedClamping(by: 1_000_000_000))
        flows.link =
            details.pattern == Pattern.spoofing.rawValue
            ? details.mac.flatMap { MACAddress($0) } : nil
        flows.prefersVolume =
            details.pattern.flatMap { Pattern(rawValue: $0) }.map(\.isByVolume) ?? false
        flows.contact = alert.dest_ip.map { OffenderFlows.end($0, alert.dest_port) }
        if let model {
            flows.know(model.model.graph, inventory ?? model.model.provenance.inventory)
        }
        if let spool {
            try flows.meter(spool.paths, progress)
            explanation.flowSource = "metered from \(captures.joined(separator: ", "))"
        } else {
            file.forEachFlow(from: details.offender) { flows.add($0) }
            explanation.flowSource =
                flows.count > 0
                ? "from the flow events of \(events)"
                : "\(events) holds no flow events of \(details.offender); name its capture with -r FILE"
        }
        explanation.flows = flows.telling
        explanation.flowCount = flows.count
    }

    // MARK: - Undo

    private func addUndo(
        _ file: EVEReader, _ details: EVEReader.Alert.Details, _ explanation: inout EventExplanation
    ) {
        explanation.fences = (details.quarantine_id.map(file.fences) ?? []).map { fence in
            EventExplanation.Fence(
                time: fence.timestamp, action: fence.lazaret.action, target: fence.lazaret.target,
                response: fence.lazaret.response, until: fence.lazaret.until,
                isDryRun: fence.lazaret.dry_run, failure: fence.lazaret.failure,
                undo: fence.lazaret.undo ?? "lazaret quarantine release \(fence.lazaret.target)")
        }
        if let fence = explanation.fences.last(where: {
            $0.action == "fence" || $0.action == "extend"
        }) {
            explanation.undo.append(fence.undo)
        }
        explanation.undo.append(
            Shell.line([
                "lazaret", "feedback", eventID, "--benign", "-m", model?.path ?? "MODEL",
                "--events", events,
            ]))
    }
}

extension Pattern {
    /// Whether it is told by what one flow carries, and not by how many there are.
    fileprivate var isByVolume: Bool {
        switch self {
        case .packetFlood, .dnsTunnel, .icmpTunnel, .exfiltration: true
        default: false
        }
    }
}
