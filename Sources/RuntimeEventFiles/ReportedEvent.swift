public import RuntimeEvents

/// A runtime event with what it says about where it happened.
public struct ReportedEvent: Sendable, Equatable {
    /// What leads to a workload.
    public enum Place: Sendable, Equatable {
        /// The identifier of a container, or at least its first 12 digits.
        case container(String)
        case podUID(String)
        case pod(namespace: String, name: String)
        /// The name of a container.
        case name(String)
        /// A process of this node.
        case process(Int32)
    }

    public var event: RuntimeEvent
    /// What is certain comes first.
    public var places: [Place]
    /// Whether the tool says that it happened on the node, outside of containers.
    public var isOfHost = false

    init(_ event: RuntimeEvent, places: [Place]) {
        self.event = event
        self.places = places
    }
}

/// What became of the lines of a source.
public struct RuntimeEventCounts: Sendable, Equatable {
    public var lines: UInt64 = 0
    /// Lines that cannot be read: cut, of a wrong type, without a time.
    public var malformed: UInt64 = 0
    /// Lines that are too long or nested too deep.
    public var oversized: UInt64 = 0
    /// Lines of other programs, and kinds of events that are not used.
    public var foreign: UInt64 = 0
    /// Events below the least priority.
    public var below: UInt64 = 0
    /// Events that were handed on.
    public var events: UInt64 = 0

    public init() {}
}

/// How the lines of a source are read.
public struct RuntimeEventRules: Sendable, Equatable {
    /// The priority of what has none: events of Tetragon's policies, records with a key of auditd.
    public var priority = RuntimeEvent.Priority.notice
    /// Less urgent events are only counted.
    public var least = RuntimeEvent.Priority.notice
    /// Whether arguments of commands are kept; they may be secret.
    public var keepsArguments = false
    /// The process whose own records are left out; nil: none.
    public var ownProcess: Int32?

    public init() {}
}
