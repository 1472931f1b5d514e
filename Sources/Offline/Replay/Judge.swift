import AnomalyDetection
import Decisions
import Events
import FeatureExtraction
import Quarantine
import Workloads

/// Detector, incidents and policy together, for captures: one window in, events out.
struct Judge {
    private var detector: Detector
    private var alerts: AlertPipeline<PlannedQuarantine>
    private var known: NotedWorkloads
    /// Whether the policy has yet to hear of a change.
    private var isBehind = false
    private var result = Replay.Outcome()

    init(
        model: Model, known: NotedWorkloads, policyOptions: QuarantinePolicyOptions,
        capture: String?, sliceFolder: String? = nil
    ) {
        self.known = known
        let inventory = known.inventory
        detector = Detector(model: model, inventory: inventory)
        alerts = AlertPipeline(
            modelID: model.identifier, origin: capture.map(Event.Alert.Origin.capture),
            decider: PlannedQuarantine(
                QuarantinePolicy(options: policyOptions, inventory: inventory)))
        alerts.sliceFolder = sliceFolder
    }

    /// Everything so far.
    var outcome: Replay.Outcome {
        var outcome = result
        outcome.incidents = alerts.incidents.all
        outcome.windowCount = detector.seenCount
        outcome.inventory = known.inventory
        return outcome
    }

    /// Takes in who has which address from now on.
    mutating func follow(_ change: WorkloadChange) {
        known.apply(change)
        isBehind = true
    }

    mutating func consider(_ window: Window) -> Verdict? {
        guard let verdict = detector.judge(window) else { return nil }
        if isBehind {
            alerts.decider.policy.inventory = KnownInventory(known.inventory)
            isBehind = false
        }
        let what = alerts.process(verdict)
        result.verdictCount += 1
        result.decisions += what.outcomes.map(\.decision)
        result.events += what.events
        return verdict
    }
}
