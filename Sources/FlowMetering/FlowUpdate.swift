public import Timestamps

/// The effect of one packet on its flow, as far as sliding windows need it.
public struct FlowUpdate: Sendable, BitwiseCopyable {
    /// The slot of the flow in the table, valid until the next packet.
    public var flow: Int32 = -1
    /// Whether the slot has held no packet of this flow before.
    public var isNewFlow = false
    /// The word that is kept for the flow, set by `FlowTags.complete`.
    public var tag: UInt32 = 0
    /// When the flow began.
    public var start = Timestamp.epoch
    public var events: Events = []
    /// Payload bytes of originator and responder until this packet, set with `.closing`; the
    /// greatest number for a flow that was reported in intervals.
    public var sent: UInt32 = 0
    public var fetched: UInt32 = 0

    // The flow that an ICMP error quotes, if it is known.
    /// The slot of the quoted flow, valid until the next packet; -1 without.
    public var relatedFlow: Int32 = -1
    /// The tag of that flow, set by `FlowTags.complete`.
    public var relatedTag: UInt32 = 0
    /// When that flow began.
    public var relatedStart = Timestamp.epoch
    /// `.refused` the first time that it was unreachable; `.fromOriginator` if the originator sent
    /// the quoted packet.
    public var relatedEvents: Events = []

    public init() {}

    /// The events of a packet; several may be set at once. They are computed, so that other modules
    /// have them as constants.
    public struct Events: OptionSet, Sendable, BitwiseCopyable {
        public let rawValue: UInt16
        @inlinable public init(rawValue: UInt16) { self.rawValue = rawValue }

        /// The packet opened the flow: it is the flow's first, or the SYN of a TCP flow that began
        /// without one.
        @inlinable public static var started: Events { Events(rawValue: 1) }
        /// The packet travels from originator to responder.
        @inlinable public static var fromOriginator: Events { Events(rawValue: 2) }
        /// The responder's first packet. Of a SYN/ACK, and with `.reset`: after a RST that refused
        /// the connection in the responder's name.
        @inlinable public static var answered: Events { Events(rawValue: 4) }
        /// TCP: the three-way handshake is complete.
        @inlinable public static var established: Events { Events(rawValue: 8) }
        /// TCP: the responder answered the SYN with RST; SCTP: with ABORT; UDP: an ICMP unreachable
        /// came back.
        @inlinable public static var refused: Events { Events(rawValue: 16) }
        /// TCP: RST by either side after the handshake.
        @inlinable public static var reset: Events { Events(rawValue: 32) }
        /// TCP: both sides have sent FIN.
        @inlinable public static var finished: Events { Events(rawValue: 64) }
        /// TCP: the payload was sent before.
        @inlinable public static var retransmission: Events { Events(rawValue: 128) }
        /// The flow probably began before the capture: TCP without its SYN.
        @inlinable public static var midstream: Events { Events(rawValue: 256) }
        /// TCP: the packet that completed the handshake acknowledged the responder's sequence
        /// number, so its sender has received the answer.
        @inlinable public static var acknowledged: Events { Events(rawValue: 512) }
        /// TCP: the first FIN, or RST, of a connection that was established.
        @inlinable public static var closing: Events { Events(rawValue: 1024) }
        /// The responder refused a login. Each needs a message of the originator, which it
        /// acknowledges.
        @inlinable public static var loginRefused: Events { Events(rawValue: 2048) }
        /// The same for a login that it granted.
        @inlinable public static var loginGranted: Events { Events(rawValue: 4096) }
        /// With `.closing`: the responder granted or refused the originator's last attempt to log
        /// in. Together with `.loginAsked`: it answered in clear, and nobody tried to log in.
        @inlinable public static var loginDecided: Events { Events(rawValue: 8192) }
        /// ICMP: the responder has sent far more echo replies than it was asked for.
        @inlinable public static var excessive: Events { Events(rawValue: 16_384) }
        /// With `.closing`: the originator's last message that may be an attempt to log in has no
        /// answer.
        @inlinable public static var loginAsked: Events { Events(rawValue: 32_768) }
    }
}
