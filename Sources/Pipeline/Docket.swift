import AnomalyDetection
import Enforcement
import FeatureExtraction
import NetworkAddresses
import Quarantine
import Reporting
import Workloads

/// Who decides what follows from an offence: the policy alone, or policy, ledger and kernel.
protocol FenceDecider {
    /// Weighs one offence; what was decided, and done where there is something to do.
    mutating func decide(_ offence: Offence) -> [QuarantineRunner.Outcome]
    /// The fence that stands over an offender; nil without.
    func standing(over address: IPAddress, link: MACAddress) -> QuarantineAction?
    /// Whether fences hold packets back.
    var isEnforcing: Bool { get }
}

/// In replay nothing is done: the policy's word is all there is.
extension QuarantinePolicy: FenceDecider {
    var isEnforcing: Bool { false }

    mutating func decide(_ offence: Offence) -> [QuarantineRunner.Outcome] {
        consider(offence).map { QuarantineRunner.Outcome(action: $0, failure: nil) }
    }

    func standing(over address: IPAddress, link: MACAddress) -> QuarantineAction? {
        activeFences.first {
            $0.target.prefix?.contains(address) ?? ($0.target == .link(link))
        }
    }
}

/// What follows from verdicts: incidents, decisions, and the events that tell of them. The same in
/// replay and live.
struct Docket<Decider: FenceDecider> {
    var modelID: String
    /// Name of the capture or the interface.
    var origin: EventJSON.Origin
    var decider: Decider
    var incidents: IncidentTracker
    /// Where the packets of incidents go; nil where they go nowhere.
    var sliceFolder: String?

    /// What came of one verdict.
    struct Entry {
        var outcomes: [QuarantineRunner.Outcome]
        /// Whether an alert was due and not told.
        var isSuppressed = false
        /// EVE lines, in their order.
        var events: [String]
    }

    init(
        modelID: String, origin: EventJSON.Origin, decider: Decider,
        openLimit: Int = IncidentTracker.mostOpen
    ) {
        incidents = IncidentTracker(openLimit: min(openLimit, IncidentTracker.mostOpen))
        self.modelID = modelID
        self.origin = origin
        self.decider = decider
    }

    /// Takes in one verdict.
    ///
    /// - Parameter mayAlert: false where too many alerts have been told already; a fence is told all the same.
    mutating func enter(_ verdict: Verdict, mayAlert: Bool = true) -> Entry {
        let eventID = Self.eventID(verdict, modelID)
        let outcomes =
            verdict.level == .quarantine ? decider.decide(Self.offence(verdict, eventID)) : []
        let isWorthAlert = incidents.observe(verdict, eventID: eventID)
        let standing = decider.standing(over: verdict.subject, link: verdict.window.mac)
        var events: [String] = []
        if isWorthAlert && mayAlert || outcomes.contains(where: { $0.action.kind == .fence }) {
            let slice = sliceFolder.flatMap { folder in
                incidents.current(of: verdict.subject).map { PacketSlices.path(of: $0, in: folder) }
            }
            events.append(
                EventJSON.alert(
                    verdict, eventID: eventID, modelID: modelID, origin: origin, slice: slice,
                    decision: standing == nil ? "watch" : "quarantine", quarantineID: standing?.id,
                    isBlocked: standing != nil && decider.isEnforcing))
        }
        let isSuppressed = isWorthAlert && events.isEmpty
        events += outcomes.map(event)
        return Entry(outcomes: outcomes, isSuppressed: isSuppressed, events: events)
    }

    /// The line that tells of something done, or not done.
    func event(_ outcome: QuarantineRunner.Outcome) -> String {
        EventJSON.quarantine(
            outcome.action, isDryRun: !decider.isEnforcing,
            failure: outcome.failure.map { "\($0)" })
    }

    private static func offence(_ verdict: Verdict, _ eventID: String) -> Offence {
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
}

extension QuarantinePolicy {
    /// The policy of a node where an inventory says who is who.
    init(
        options: QuarantinePolicyOptions, inventory: Inventory, allowlist: [AllowEntry] = []
    ) {
        var protected = ProtectedSet()
        for network in inventory.networks {
            guard let gateway = network.gateway else { continue }
            protected.add(IPPrefix(host: gateway), reason: "gateway of network \(network.name)")
        }
        self.init(
            options: options, protected: protected,
            inventory: KnownInventory(inventory), allowlist: allowlist)
    }
}

extension KnownInventory {
    /// - Parameter since: when a workload was first seen, where it has not always been known.
    init(_ inventory: Inventory, since: [String: Int64] = [:]) {
        self.init(
            // Replicas are fenced one by one: one that misbehaves says nothing of the others.
            workloads: inventory.workloads.flatMap { workload in
                workload.addresses.filter(\.isHost).map {
                    KnownWorkload(
                        name: workload.name, addresses: [$0.address],
                        knownSince: since[workload.name] ?? .min)
                }
            },
            networks: inventory.networks.map {
                KnownNetwork(name: $0.name, prefix: $0.prefix, gateway: $0.gateway)
            })
    }
}
