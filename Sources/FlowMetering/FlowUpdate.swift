public import Timestamps

/// What one packet did to its flow: what sliding windows need to know, and no more.
public struct FlowUpdate: Sendable, BitwiseCopyable {
    /// Slot of the flow in the table, valid until the next packet.
    public var flow: Int32 = -1
    /// Slot-independent word that the reader may keep with the flow (`FlowMeter.setTag`); 0 in a
    /// new flow.
    public var tag: UInt32 = 0
    /// When the flow began.
    public var start = Timestamp.epoch
    public var events: Events = []

    // The flow that an ICMP error is about, where it is known.
    /// Slot of the flow that the packet quotes, valid until the next packet; -1 without.
    public var relatedFlow: Int32 = -1
    /// Tag of that flow.
    public var relatedTag: UInt32 = 0
    /// When that flow began.
    public var relatedStart = Timestamp.epoch
    /// `.refused` the first time it was found unreachable; `.fromOriginator` where the quoted
    /// packet was the originator's.
    public var relatedEvents: Events = []

    public init() {}

    /// What happened; several may be set at once.
    public struct Events: OptionSet, Sendable, BitwiseCopyable {
        public let rawValue: UInt16
        public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// The packet opened the flow.
        public static let started = Events(rawValue: 1)
        /// The packet travels from originator to responder.
        public static let fromOriginator = Events(rawValue: 2)
        /// The responder's first packet.
        public static let answered = Events(rawValue: 4)
        /// TCP: the three-way handshake is complete.
        public static let established = Events(rawValue: 8)
        /// TCP: the responder answered the SYN with RST; UDP: an ICMP unreachable came back.
        public static let refused = Events(rawValue: 16)
        /// TCP: RST by either side after the handshake.
        public static let reset = Events(rawValue: 32)
        /// TCP: both sides have sent FIN.
        public static let finished = Events(rawValue: 64)
        /// TCP: the payload was sent before.
        public static let retransmission = Events(rawValue: 128)
        /// The flow began before the capture, as far as can be told: TCP without its SYN.
        public static let midstream = Events(rawValue: 256)
    }
}
