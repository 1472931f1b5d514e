import AnomalyDetection
import FeatureExtraction
import Quarantine
import Reporting
import Workloads

/// Detector, incidents and policy together, for captures: one window in, events out.
struct Judge {
    private var detector: Detector
    private var docket: Docket<QuarantinePolicy>
    private var result = Replay.Outcome()

    init(
        model: Model, inventory: Inventory, policyOptions: QuarantinePolicyOptions,
        capture: String?,
        sliceFolder: String? = nil
    ) {
        detector = Detector(model: model, inventory: inventory)
        docket = Docket(
            modelID: model.identifier, origin: .capture(capture),
            decider: QuarantinePolicy(options: policyOptions, inventory: inventory))
        docket.sliceFolder = sliceFolder
    }

    /// Everything so far.
    var outcome: Replay.Outcome {
        var outcome = result
        outcome.incidents = docket.incidents.all
        outcome.windowCount = detector.seenCount
        return outcome
    }

    /// Who is who from now on.
    mutating func follow(_ inventory: Inventory) {
        docket.decider.inventory = KnownInventory(inventory)
    }

    mutating func consider(_ window: Window) -> Verdict? {
        guard let verdict = detector.judge(window) else { return nil }
        let entry = docket.enter(verdict)
        result.verdictCount += 1
        result.actions += entry.outcomes.map(\.action)
        result.events += entry.events
        return verdict
    }
}
