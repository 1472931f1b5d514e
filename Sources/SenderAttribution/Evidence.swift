/// The kind of evidence that the subject of a window sent the packets.
public enum Evidence: String, Sendable, CaseIterable, BitwiseCopyable {
    /// The kernel saw the packets come in at the subject's own port.
    case port
    /// The packets bore the MAC address of the subject.
    case mac
    /// The sender completed TCP handshakes, so it receives what is sent to its address.
    case handshake
    /// The source address alone, which any sender can write.
    case address

    /// Whether another host could have forged the evidence by writing addresses into packets.
    public var mayBeForged: Bool { self == .address }
}
