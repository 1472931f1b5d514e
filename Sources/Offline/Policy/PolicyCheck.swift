public import BaselineGraph
import FeatureExtraction
import FlowMetering
public import LeastPrivilege
public import NetworkAddresses
import PacketCapture
import PacketDecoding
public import SystemSupport
public import Timestamps
public import Workloads

/// Compares the flows of captures with a policy: which of them it would have blocked.
///
/// Flows are judged as a firewall judges them, by the addresses in their packets.
public struct PolicyCheck {
    public var paths: [String]
    public var filter = ""
    public var policy: ContactPolicy
    /// The operator's inventory; nil: the names in the captures, then those of the policy.
    public var inventory: Inventory?
    /// Whether workloads are named by notes in the captures.
    public var trustsNotes = false
    /// Whether flows of all hosts are judged, and not only those that the policy restricts.
    var judgesAll = false
    /// The names of the baseline, if queries for others are collected.
    var knownNames: Set<NameDigest>?
    /// Threads that read and judge, from 1 to 3; the results are the same.
    public var threads = CaptureThreads.usual

    /// The greatest number of blocked contacts that are listed.
    public static let contactLimit = 65_536
    /// The greatest number of addresses that are listed for one end of a contact.
    public static let addressLimit = 8

    /// A blocked contact, with all its flows.
    public struct Contact: Sendable, Equatable {
        public var from: ContactPolicy.End
        public var to: ContactPolicy.End
        public var service: Service
        /// Whether the source's egress, and the destination's ingress, forbid it.
        public var isEgress: Bool
        public var isIngress: Bool
        /// The formats whose rules would have blocked it.
        public var formats: [PolicyFormat]
        /// Addresses of the ends in their order of appearance, at most `addressLimit`.
        public var sources: [IPAddress] = []
        public var destinations: [IPAddress] = []
        public var flowCount = 0
        public var packetCount = 0
        public var first: Timestamp
        public var last: Timestamp
    }

    /// The number of flows and packets of one kind.
    public struct Counts: Sendable, Equatable {
        public var flows = 0
        public var packets = 0
    }

    /// What was found.
    public struct Outcome: Sendable {
        /// Most packets first.
        public var blocked: [Contact] = []
        /// Further blocked contacts, which are only counted.
        public var unlisted = Counts()
        public var allowed = Counts()
        /// Flows without a workload that the policy restricts.
        public var ungoverned = Counts()
        /// Names that are not in the baseline, if they are collected.
        var names: [NewName] = []
        var unlistedQueries = 0
        /// Whether all packets could be read.
        public var isWhole = true
        public var packetCount = 0
        public var first = Timestamp.epoch
        public var last = Timestamp.epoch
        /// Lines for standard error.
        public var warnings: [String] = []

        public var isBlocking: Bool { !blocked.isEmpty || unlisted.flows > 0 }
        /// All blocked flows.
        public var blockedCounts: Counts {
            Counts(
                flows: blocked.reduce(unlisted.flows) { $0 + $1.flowCount },
                packets: blocked.reduce(unlisted.packets) { $0 + $1.packetCount })
        }

        /// The listed flows that a format's rules would have blocked.
        public func blockedCounts(by format: PolicyFormat) -> Counts {
            blocked.reduce(into: Counts()) { counts, contact in
                guard contact.formats.contains(format) else { return }
                counts.flows += contact.flowCount
                counts.packets += contact.packetCount
            }
        }
    }

    public init(paths: [String], policy: ContactPolicy) {
        self.paths = paths
        self.policy = policy
    }

    /// Reads the captures.
    ///
    /// - Throws: `.nothingToCheck` if no flow has a workload that the policy restricts.
    public func run(progress: ProgressReport? = nil) throws -> Outcome {
        var judge = FlowJudge(policy, inventory, judgesAll: judgesAll)
        var packets = try PacketReader(
            PacketSource.Input(
                paths: paths, filter: filter, trustsNotes: trustsNotes, knownNames: knownNames,
                progress: progress),
            threads: threads)
        var names = knownNames.map { NameJudge(known: $0) }
        while let step = try packets.next() {
            switch step {
            case .names(let change): judge.identities.apply(change)
            case .ports, .clockSetBack: break
            case .packet:
                let tag = judge.observe(packets.packet, packets.update)
                if let tag { packets.setTag(tag) }
                names?.observe(packets.packet, judge.identities)
            }
        }
        let report = packets.report ?? PacketSource.Report()
        var outcome = judge.outcome
        if let names { (outcome.names, outcome.unlistedQueries) = names.result(report.nameTexts) }
        outcome.isWhole = report.isWhole
        outcome.packetCount = report.packetCount
        outcome.first = report.first
        outcome.last = report.last
        outcome.warnings = report.warnings.map(\.description) + report.remarks
        guard outcome.allowed.flows > 0 || outcome.isBlocking else {
            throw CheckError.nothingToCheck(paths, packets: report.packetCount)
        }
        return outcome
    }
}

/// Why captures cannot be checked.
public enum CheckError: Error, Equatable, Sendable, CustomStringConvertible {
    /// There is no flow of a workload of the baseline: a check of nothing would always pass.
    case nothingToCheck([String], packets: Int)
    /// Not all packets could be compared, and those that were show nothing new.
    case incomplete(warnings: [String])
    /// A second reading has not found what the first one did.
    case changed([String])

    public var description: String {
        switch self {
        case .nothingToCheck(let paths, let packets):
            """
            \(paths.joined(separator: ", ")): no flow of a workload of the baseline in \(packets) \
            packets, so nothing was checked; capture where the workloads are, or name their \
            addresses with --inventory
            """
        case .incomplete(let warnings):
            """
            \(warnings.joined(separator: "; ")); not all was compared, so nothing is said about \
            the capture: record it again
            """
        case .changed(let paths):
            """
            \(paths.joined(separator: ", ")): changed while it was read; check it again when it \
            is complete
            """
        }
    }
}
