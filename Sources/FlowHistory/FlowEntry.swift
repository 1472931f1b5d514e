public import FlowMetering
public import NetworkAddresses
public import Timestamps

/// What the history keeps of one flow record. The packet thread makes it, without allocating.
public struct FlowEntry: Sendable, Equatable, BitwiseCopyable {
    public var originator: IPAddress
    public var responder: IPAddress
    public var originatorPort: UInt16
    public var responderPort: UInt16
    public var ipProtocol: UInt8
    public var state: ConnectionState
    public var reason: FlowEndReason
    /// Whether an earlier part of the flow is in the history, too.
    public var isContinuation: Bool
    /// Whether the baseline did not know that the originator uses this service of this peer.
    public var isNew: Bool
    /// Whether nothing but its address tells who the originator is, which any sender can write.
    public var mayBeForged: Bool
    /// First and last packet of this record; kept in milliseconds.
    public var start: Timestamp
    public var end: Timestamp
    public var originatorPackets: UInt64
    public var responderPackets: UInt64
    /// Bytes of the frames on the wire.
    public var originatorBytes: UInt64
    public var responderBytes: UInt64

    public init(_ record: borrowing FlowRecord, isNew: Bool, mayBeForged: Bool) {
        originator = record.key.originator
        responder = record.key.responder
        originatorPort = record.key.originatorPort
        responderPort = record.key.responderPort
        ipProtocol = record.key.ipProtocol
        state = record.connectionState
        reason = record.endReason
        isContinuation = record.isContinuation
        self.isNew = isNew
        self.mayBeForged = mayBeForged
        start = record.start
        end = record.end
        originatorPackets = record.originator.packetCount
        responderPackets = record.responder.packetCount
        originatorBytes = record.originator.wireOctetCount
        responderBytes = record.responder.wireOctetCount
    }

    public init(
        from originator: IPAddress, _ originatorPort: UInt16, to responder: IPAddress,
        _ responderPort: UInt16, ipProtocol: UInt8, start: Timestamp, end: Timestamp
    ) {
        self.originator = originator
        self.responder = responder
        self.originatorPort = originatorPort
        self.responderPort = responderPort
        self.ipProtocol = ipProtocol
        self.start = start
        self.end = end
        state = .oth
        reason = .idleTimeout
        isContinuation = false
        isNew = false
        mayBeForged = false
        originatorPackets = 1
        responderPackets = 0
        originatorBytes = 60
        responderBytes = 0
    }
}

extension FlowEntry {
    /// The flow's identifier, the same as in other tools.
    package var communityID: CommunityID {
        CommunityID(
            of: FlowKey(
                originator: originator, responder: responder, originatorPort: originatorPort,
                responderPort: responderPort, ipProtocol: ipProtocol,
                ipVersion: originator.isIPv4 ? 4 : 6))
    }
}

/// A flow with the names that its ends had.
public struct NamedFlow: Sendable, Equatable {
    public var entry: FlowEntry
    /// The workloads; nil: an address without a name.
    public var originatorName: String?
    public var responderName: String?

    public init(_ entry: FlowEntry, from originatorName: String?, to responderName: String?) {
        self.entry = entry
        self.originatorName = originatorName
        self.responderName = responderName
    }
}

/// Collects the records of a meter on the packet thread, and hands them on in batches.
package struct FlowCollector {
    private let writer: HistoryWriter
    /// Whether the tag of a flow says that it is new to the baseline.
    private let isNew: @Sendable (UInt32) -> Bool
    private var batch: [FlowEntry] = []
    private var due = Clock.monotonic()

    /// The most flows of one batch.
    static let batchSize = 4096
    /// The longest time that a flow waits in the batch.
    private static let patience = Interval.milliseconds(500)

    package init(_ writer: HistoryWriter, isNew: @escaping @Sendable (UInt32) -> Bool) {
        self.writer = writer
        self.isNew = isNew
        batch.reserveCapacity(Self.batchSize)
    }

    /// Adds the record of a flow that has ended. A full queue never makes the caller wait.
    ///
    /// - Parameter isProven: whether more than its address tells who the originator is.
    package mutating func add(_ record: FlowRecord, tag: UInt32, isProven: Bool) {
        batch.append(FlowEntry(record, isNew: isNew(tag), mayBeForged: !isProven))
        if batch.count >= Self.batchSize { submit() }
    }

    /// Hands on what has waited for long enough.
    package mutating func submitIfDue() {
        if !batch.isEmpty, Clock.monotonic() >= due { submit() }
    }

    /// Hands on what is left.
    package mutating func submit() {
        guard !batch.isEmpty else { return }
        writer.submit(batch)
        due = Clock.monotonic() + Self.patience
        batch = []
        batch.reserveCapacity(Self.batchSize)
    }
}
