public import Timestamps

/// One quarantine rule: its target, action, expiry and reason.
///
/// The policy decides on it, the engine owns it, the ledger stores it and the actuator applies it.
public struct QuarantineRule: Sendable, Equatable {
    /// What happens to the target's packets; the strictest comes first.
    public enum Action: String, Hashable, Sendable, CaseIterable, Comparable {
        /// All packets are dropped, except those to and from kept services.
        case drop
        /// Only connections that the target initiates are allowed.
        case egress
        /// Packets above a given number per second are dropped.
        case limit
        /// Packets are counted and accepted.
        case observe
        /// New connections to the target above a given number per second are dropped, from any
        /// host. Nothing else of the target is affected.
        case protect

        /// Whether it acts on the packets of the target as an offender.
        public var isAgainstTarget: Bool { self != .protect }

        /// The actions that the policy may take against an offender.
        public static let responses = allCases.filter(\.isAgainstTarget)

        /// The action that can be applied to `target`. With a MAC address it is not known which
        /// side initiated a connection, so `egress` becomes `drop`.
        public func applied(to target: QuarantineTarget) -> Action {
            self == .egress && target.prefix == nil ? .drop : self
        }

        /// The strictest comes first.
        public static func < (left: Action, right: Action) -> Bool {
            left.strictness > right.strictness
        }

        private var strictness: Int {
            switch self {
            case .drop: 3
            case .egress: 2
            case .limit: 1
            case .observe: 0
            case .protect: -1
            }
        }
    }

    /// The progress of a rule, written before the kernel is changed and after.
    ///
    /// The raw values are those in the ledger's file.
    public enum State: String, Sendable, CaseIterable {
        /// Decided; the kernel may or may not have it yet.
        case pending = "intended"
        /// In the kernel, as far as is known.
        case active = "standing"
        /// To be removed; the kernel may still have it.
        case removing = "releasing"
        /// Over.
        case ended
    }

    /// The key that identifies a rule among the active ones.
    public struct Key: Hashable, Comparable, Sendable {
        public var target: QuarantineTarget
        public var action: Action

        public init(target: QuarantineTarget, action: Action) {
            self.target = target
            self.action = action
        }

        public static func < (left: Key, right: Key) -> Bool {
            (left.target, left.action) < (right.target, right.action)
        }
    }

    public var target: QuarantineTarget
    public var action: Action
    public var state: State
    /// When it was decided.
    public var created: Timestamp
    /// When the kernel removes it by itself.
    public var expires: Timestamp
    /// 1 for the first rule on an offender, 2 for the second, and so on; 0 if added by an operator
    /// or for another program.
    public var level: Int
    /// Whether the operator overrode the protected set for it.
    public var isForced: Bool
    /// Whether it was decided in a dry run and never applied.
    public var isDryRun: Bool
    /// Packets and bytes that were dropped before the kernel's counters were last recreated.
    public var packets: UInt64
    public var bytes: UInt64
    /// Shared by copies: 100,000 rules are copied often, and their texts rarely change.
    private var words: SharedWords

    public init(
        id: String = "", target: QuarantineTarget, action: Action = .drop, state: State = .pending,
        created: Timestamp = .epoch, expires: Timestamp, level: Int = 0, reason: String = "",
        eventID: String = "", features: String = "", workload: String? = nil,
        origin: String = "policy", isForced: Bool = false, isDryRun: Bool = false,
        packets: UInt64 = 0, bytes: UInt64 = 0, ending: String = "", portInstance: String? = nil,
        evidence: String = ""
    ) {
        self.target = target
        self.action = action.applied(to: target)
        self.state = state
        self.created = created
        self.expires = expires
        self.level = level
        self.isForced = isForced
        self.isDryRun = isDryRun
        self.packets = packets
        self.bytes = bytes
        words = SharedWords(
            Words(
                id: id, reason: reason, eventID: eventID, features: features, workload: workload,
                origin: origin, ending: ending, portInstance: portInstance, evidence: evidence))
    }

    public var key: Key { Key(target: target, action: action) }

    /// Whether an operator added it, or another program asked for it, and not the policy.
    public var isByHand: Bool { level == 0 }

    /// The beginning of the origin of rules that were made of CrowdSec's decisions.
    public static let crowdSecOrigin = "crowdsec:"

    /// Whether it was made of another program's decision. It begins no response.
    public var isAdopted: Bool { origin.hasPrefix(Self.crowdSecOrigin) }

    /// The command that removes it.
    public var undo: String { "lazaret quarantine release \(target)" }

    /// The rule after the clock was set by `step`.
    package func moved(by step: Interval) -> QuarantineRule {
        var rule = self
        rule.expires += step
        return rule
    }

    /// The rule in the state `ended`.
    package func ended(_ ending: String) -> QuarantineRule {
        var rule = self
        rule.state = .ended
        rule.ending = ending
        return rule
    }
}

extension QuarantineRule {
    /// The texts of a rule.
    private struct Words: Sendable, Equatable {
        var id: String
        var reason: String
        var eventID: String
        var features: String
        var workload: String?
        var origin: String
        var ending: String
        var portInstance: String?
        var evidence: String
    }

    private final class SharedWords: Sendable, Equatable {
        let value: Words

        init(_ value: Words) { self.value = value }

        static func == (left: SharedWords, right: SharedWords) -> Bool {
            left === right || left.value == right.value
        }
    }

    private mutating func change(_ body: (inout Words) -> Void) {
        var value = words.value
        body(&value)
        words = SharedWords(value)
    }

    /// The identifier of the decision; rules on several targets may share it.
    public var id: String {
        get { words.value.id }
        set { change { $0.id = newValue } }
    }

    /// The reason as text.
    public var reason: String {
        get { words.value.reason }
        set { change { $0.reason = newValue } }
    }

    /// The event that led to it; empty if added by an operator.
    public var eventID: String {
        get { words.value.eventID }
        set { change { $0.eventID = newValue } }
    }

    /// The features behind it.
    public var features: String {
        get { words.value.features }
        set { change { $0.features = newValue } }
    }

    /// The workload's name, when known.
    public var workload: String? {
        get { words.value.workload }
        set { change { $0.workload = newValue } }
    }

    /// The origin: "policy", a person's name, or `crowdsec:` and a scenario.
    public var origin: String {
        get { words.value.origin }
        set { change { $0.origin = newValue } }
    }

    /// For a rule on a port: distinguishes its interface from later ones with its name.
    public var portInstance: String? {
        get { words.value.portInstance }
        set { change { $0.portInstance = newValue } }
    }

    /// The evidence of the sender that it rests on: port, mac, handshake or address; empty if an
    /// operator added it.
    public var evidence: String {
        get { words.value.evidence }
        set { change { $0.evidence = newValue } }
    }

    /// Why the rule is over: "time over", "released at …", …; empty while it is active.
    public var ending: String {
        get { words.value.ending }
        set { change { $0.ending = newValue } }
    }
}
