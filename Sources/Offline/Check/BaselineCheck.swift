public import AnomalyModel
import AttackPatterns
import BaselineGraph
import FeatureExtraction
public import LeastPrivilege
public import NetworkAddresses
public import SystemSupport
public import Timestamps
public import Workloads

/// Compares captures with an approved baseline: contacts, services, outside addresses, names and
/// volumes that it does not contain.
public struct BaselineCheck {
    /// Copies of captures that can be read only once.
    public var spool: InputSpool
    public var filter = ""
    public var model: Model
    /// The contacts of the model.
    public var policy: ContactPolicy
    /// The operator's inventory; nil: the names in the captures, then those of the model.
    public var inventory: Inventory?
    /// Whether workloads are named by notes in the captures.
    public var trustsNotes = false
    /// Threads that read, count and judge, from 1 to 3; the results are the same.
    public var threads = CaptureThreads.usual
    /// The kinds of findings that are looked for.
    public var kinds = Set(Kind.allCases)

    /// What is new about a finding.
    public enum Kind: String, CaseIterable, Sendable {
        /// The workload never opened a flow to this peer.
        case contact = "new-contact"
        /// It did, but not to this service.
        case port = "new-port"
        /// It used the service outside, but not at this address.
        case address = "new-outside-address"
        case name = "new-name"
        /// More than in any clean minute.
        case volume = "new-volume"
    }

    /// Something new, with all flows or queries that belong together.
    public struct Finding: Sendable {
        public var kind: Kind
        /// The kind and what belongs together: the same in each capture that has the finding.
        public var key: [String]
        /// Of one pair of ends and one protocol; empty for names and volumes.
        public var contacts: [PolicyCheck.Contact] = []
        /// Of one workload and one parent domain.
        public var names: [NewName] = []
        public var volume: Volume?
    }

    /// The largest amount of a workload in a minute.
    public struct Volume: Sendable {
        public var workload: String
        public var source: IPAddress
        /// The feature's name.
        public var feature: String
        public var value: Float
        /// The largest amount in the baseline.
        public var largest: Float
        /// Both as a sentence.
        public var text: String
        public var time: Timestamp
    }

    /// What was found.
    public struct Outcome: Sendable {
        /// By kind; within one, most packets first.
        public var findings: [Finding] = []
        public var known = PolicyCheck.Counts()
        public var packetCount = 0
        public var first = Timestamp.epoch
        public var last = Timestamp.epoch
        /// Lines for standard error.
        public var warnings: [String] = []
    }

    public init(spool: InputSpool, model: Model, policy: ContactPolicy) {
        self.spool = spool
        self.model = model
        self.policy = policy
    }

    /// Reads the captures for contacts and names, and once more for volumes.
    ///
    /// - Throws: `.nothingToCheck` if there is no flow that can be compared; `.incomplete` if not
    ///   all packets can be compared and nothing was found; `.changed` if the two readings differ.
    public func run(progress: ProgressReport? = nil) throws -> Outcome {
        var check = PolicyCheck(paths: spool.paths, policy: policy)
        check.filter = filter
        check.inventory = inventory
        check.trustsNotes = trustsNotes
        check.judgesAll = true
        check.threads = threads
        check.knownNames = Set(model.graph.dnsNames.keys)
        let seen: PolicyCheck.Outcome
        do { seen = try check.run(progress: progress) } catch CheckError.nothingToCheck(
            let paths, let packets)
        {
            throw CheckError.nothingToCheck(paths.map { spool.named($0) }, packets: packets)
        }
        var outcome = Outcome()
        outcome.known = seen.allowed
        outcome.packetCount = seen.packetCount
        outcome.first = seen.first
        outcome.last = seen.last
        outcome.warnings = seen.warnings.map { spool.named($0) } + policy.leftOut
        let isListed = seen.unlisted.flows + seen.unlistedQueries == 0
        if !isListed {
            outcome.warnings.append(
                "\(seen.unlisted.flows) flows and \(seen.unlistedQueries) queries of further new "
                    + "contacts and names are not listed")
        }
        outcome.findings = contacts(seen.blocked) + names(seen.names)
        if kinds.contains(.volume) { outcome.findings += try volumes(seen, progress) }
        outcome.findings.removeAll { !kinds.contains($0.kind) }
        guard seen.isWhole && isListed || !outcome.findings.isEmpty else {
            throw CheckError.incomplete(warnings: outcome.warnings)
        }
        return outcome
    }

    // MARK: - Contacts and names

    /// Contacts of one kind, pair of ends and protocol are one finding; hosts without a name count
    /// as one end, because a sweep has many.
    private func contacts(_ all: [PolicyCheck.Contact]) -> [Finding] {
        func name(_ end: ContactPolicy.End) -> String {
            if case .address = end { "" } else { "\(end)" }
        }
        let groups = Self.groups(all) { contact in
            [
                kind(contact).rawValue, name(contact.from), name(contact.to),
                Service.protocolName(contact.service.ipProtocol),
            ]
        }
        let findings = groups.map { key, contacts in
            Finding(kind: kind(contacts[0]), key: key, contacts: contacts)
        }
        return Kind.allCases.flatMap { kind in findings.filter { $0.kind == kind } }
    }

    private func kind(_ contact: PolicyCheck.Contact) -> Kind {
        if policy.allows(contact.from, contact.to, contact.service) { return .address }
        return policy.hasContact(contact.from, contact.to) ? .port : .contact
    }

    /// Names of one workload with the same last two labels are one finding: a tunnel has thousands.
    private func names(_ all: [NewName]) -> [Finding] {
        Self.groups(all) { [Kind.name.rawValue, $0.workload, $0.domain] }.map { key, names in
            Finding(kind: .name, key: key, names: names)
        }
    }

    /// The items with each key, in the order of each key's first item.
    private static func groups<Item>(
        _ items: [Item], by key: (Item) -> [String]
    ) -> [(key: [String], items: [Item])] {
        var groups: [(key: [String], items: [Item])] = []
        var indexOf: [[String]: Int] = [:]
        for item in items {
            let key = key(item)
            if let index = indexOf[key] {
                groups[index].items.append(item)
            } else {
                indexOf[key] = groups.count
                groups.append((key, [item]))
            }
        }
        return groups
    }

    // MARK: - Volumes

    /// Amounts that are compared.
    private static let features: [Feature] = [.bytesOut, .bytesIn, .bytesOutside, .flows]

    /// Amounts of a minute that exceed the largest of the workload's own baseline significantly.
    ///
    /// - Parameter seen: what the first reading found.
    private func volumes(
        _ seen: PolicyCheck.Outcome, _ progress: ProgressReport?
    ) throws -> [Finding] {
        var replay = Replay(paths: [], model: model)
        replay.spool = spool
        replay.filter = filter
        replay.inventory = inventory
        replay.trustsNotes = trustsNotes
        replay.threads = threads
        let identities = IdentityMap(
            inventory: inventory ?? .empty,
            remembered: inventory == nil ? model.provenance.inventory : .empty)
        let scale = Scale.medium
        var found: [String: [Feature: Volume]] = [:]
        let replayed = try replay.run(progress: progress) { window, _ in
            guard window.scale == scale, !window.isContested, model[scale].covers(window) else {
                return
            }
            let identity = window.identity ?? identities.identity(of: window.subject)
            guard identity.place == .inside,
                let baseline = model[scale].baseline.groups[identity.name],
                baseline.windowCount >= ScaleBaseline.leastWindows[scale] ?? 1
            else { return }
            for feature in Self.features {
                let description = FeatureSchema.description(of: feature)
                let value = window[feature]
                let largest = description.raw(
                    baseline.largest[feature.rawValue], seconds: scale.seconds)
                guard description.steps(from: largest, to: value, seconds: scale.seconds) >= 1,
                    value > found[identity.name]?[feature]?.value ?? 0
                else { continue }
                found[identity.name, default: [:]][feature] = Volume(
                    workload: identity.name, source: window.subject, feature: description.name,
                    value: value, largest: largest,
                    text: Explanation.sentence(
                        description, value: value, largest: largest, window: window),
                    time: Timestamp(second: window.endSecond))
            }
        }
        guard replayed.packetCount == seen.packetCount, replayed.last == seen.last else {
            throw CheckError.changed(spool.paths.map { spool.named($0) })
        }
        return found.keys.sorted().flatMap { name in
            Self.features.compactMap { feature in
                found[name]?[feature].map { volume in
                    let key = [Kind.volume.rawValue, name, volume.feature]
                    return Finding(kind: .volume, key: key, volume: volume)
                }
            }
        }
    }
}
