/// One decision of the policy, complete with its grounds and what would undo it.
public struct QuarantineAction: Sendable, Equatable {
    /// What is to be done.
    public enum Kind: Sendable, Equatable {
        /// Put a fence up.
        case fence
        /// Move the end of a standing fence.
        case extend
        /// Take a fence down before its time.
        case release
        /// A fence came to its end by itself.
        case expire
        /// A fence was called for and a rail forbade it: alert only.
        case refuse(Refusal)
    }

    /// The rail that forbade a fence.
    public enum Refusal: Sendable, Equatable {
        case protected(String)
        case allowlisted(String)
        case warmingUp
        case budgetOfFences(Int)
        case budgetOfWorkloads(percent: Int)
        case breakerOpen
        case covered(by: FenceTarget)
        case tooManyPieces(Int)
    }

    /// Names the fence; the same for all actions on it.
    public var id: String
    public var kind: Kind
    public var target: FenceTarget
    /// As it comes to for the target.
    public var response: FenceResponse
    /// Packet time of the decision in nanoseconds since 1970.
    public var time: Int64
    /// Packet time of the fence's end in nanoseconds since 1970; for a refusal, `time`.
    public var until: Int64
    /// 1 for the first fence of an offender, 2 for the second, and so on; 0 by hand.
    public var level: Int
    /// Why, in words.
    public var reason: String
    /// The event that led here; empty by hand.
    public var eventID: String
    /// The features behind it.
    public var features: String
    /// The workload's name, when known.
    public var workload: String?
    /// What would undo it.
    public var undo: String

    public init(
        id: String, kind: Kind, target: FenceTarget, response: FenceResponse = .drop, time: Int64,
        until: Int64, level: Int = 0, reason: String, eventID: String = "", features: String = "",
        workload: String? = nil
    ) {
        self.id = id
        self.kind = kind
        self.target = target
        self.response = response.applied(to: target)
        self.time = time
        self.until = until
        self.level = level
        self.reason = reason
        self.eventID = eventID
        self.features = features
        self.workload = workload
        self.undo = "lazaret quarantine release \(target)"
    }
}

extension QuarantineAction.Kind: CustomStringConvertible {
    /// One word: fence, extend, release, expire, refuse.
    public var description: String {
        switch self {
        case .fence: "fence"
        case .extend: "extend"
        case .release: "release"
        case .expire: "expire"
        case .refuse: "refuse"
        }
    }
}

extension QuarantineAction.Refusal: CustomStringConvertible {
    public var description: String {
        switch self {
        case .protected(let why): why
        case .allowlisted(let why): "allowlisted: \(why)"
        case .warmingUp: "the workload is still warming up"
        case .budgetOfFences(let most): "\(most) fences stand already"
        case .budgetOfWorkloads(let percent):
            "more than \(percent) % of the known workloads would be fenced"
        case .breakerOpen: "the circuit breaker is open: too many fences were called for"
        case .covered(let wider): "\(wider) is fenced already, for as long"
        case .tooManyPieces(let count): "it would take \(count) prefixes around protected addresses"
        }
    }
}
