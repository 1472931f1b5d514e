/// On what it rests that the subject of a window is who did it.
public enum Evidence: String, Sendable, CaseIterable, BitwiseCopyable {
    /// The kernel saw the packets come in at the subject's own port.
    case port
    /// The packets bore the MAC address that the subject has.
    case card
    /// The sender completed handshakes, so it receives what is sent to its address.
    case handshake
    /// Nothing but the address in the packets, which anybody can write.
    case address

    /// Whether somebody else could have made it look like this by writing addresses into packets.
    public var mayBeForged: Bool { self == .address }
}
