import AnomalyDetection
import FeatureExtraction
import NetworkAddresses
import Quarantine
import Reporting
import Workloads

/// Detector, incidents and policy together: one window in, events out. The same in replay and live.
struct Judge {
    var source: String?
    private var detector: Detector
    private var incidents = IncidentTracker()
    private var policy: QuarantinePolicy
    private let modelID: String
    private(set) var result = Replay.Outcome()

    init(model: Model, inventory: Inventory, policyOptions: QuarantinePolicyOptions) {
        detector = Detector(model: model, inventory: inventory)
        modelID = model.identifier
        policy = QuarantinePolicy(
            options: policyOptions, protected: Self.protected(inventory),
            inventory: Self.known(inventory))
    }

    /// Everything so far.
    var outcome: Replay.Outcome {
        var outcome = result
        outcome.incidents = incidents.all
        outcome.windowCount = detector.seenCount
        return outcome
    }

    mutating func consider(_ window: Window) -> Verdict? {
        guard let verdict = detector.judge(window) else { return nil }
        result.verdictCount += 1
        let eventID = Self.eventID(verdict, modelID)
        let actions = verdict.level == .quarantine ? policy.consider(offence(verdict, eventID)) : []
        let isWorthAlert = incidents.observe(verdict, eventID: eventID)
        let standing = policy.activeFences.first {
            $0.target.prefix?.contains(verdict.subject) ?? ($0.target == .link(window.mac))
        }
        if isWorthAlert || actions.contains(where: { $0.kind == .fence }) {
            result.events.append(
                EventJSON.alert(
                    verdict, eventID: eventID, modelID: modelID, source: source,
                    decision: standing == nil ? "watch" : "quarantine", quarantineID: standing?.id))
        }
        for action in actions { result.events.append(EventJSON.quarantine(action, isDryRun: true)) }
        result.actions += actions
        return verdict
    }

    private func offence(_ verdict: Verdict, _ eventID: String) -> Offence {
        let scale = verdict.window.scale
        return Offence(
            time: Int64(verdict.window.endSecond + 1) * 1_000_000_000,
            windowNanoseconds: Int64(scale.seconds) * 1_000_000_000, offender: verdict.subject,
            spoofingLink: verdict.pattern == .spoofing && verdict.window.mac != .zero
                ? verdict.window.mac : nil,
            workload: verdict.workload, score: Double(verdict.score),
            threshold: Double(verdict.threshold), isFarBeyond: verdict.isFarBeyond,
            eventID: eventID, reason: verdict.summary,
            features: verdict.reasons.map { FeatureSchema.description(of: $0.feature).name }
                .joined(separator: ","))
    }

    /// 16 hexadecimal digits that follow from model, subject, scale and time (FNV-1a).
    private static func eventID(_ verdict: Verdict, _ modelID: String) -> String {
        let text =
            "\(modelID) \(verdict.subject) \(verdict.window.scale.seconds) \(verdict.window.endSecond)"
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        for byte in text.utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        let digits = String(hash, radix: 16)
        return String(repeating: "0", count: 16 - digits.count) + digits
    }

    /// What an inventory says must never be fenced: the gateways.
    private static func protected(_ inventory: Inventory) -> ProtectedSet {
        var set = ProtectedSet()
        for network in inventory.networks {
            guard let gateway = network.gateway else { continue }
            set.add(IPPrefix(host: gateway), reason: "gateway of network \(network.name)")
        }
        return set
    }

    private static func known(_ inventory: Inventory) -> KnownInventory {
        KnownInventory(
            // Replicas are fenced one by one: one that misbehaves says nothing of the others.
            workloads: inventory.workloads.flatMap { workload in
                workload.addresses.filter(\.isHost).map {
                    KnownWorkload(name: workload.name, addresses: [$0.address])
                }
            },
            networks: inventory.networks.map {
                KnownNetwork(name: $0.name, prefix: $0.prefix, gateway: $0.gateway)
            })
    }
}
