/// On what it rests that the subject of a window is who did it.
public enum Evidence: String, Sendable, CaseIterable, BitwiseCopyable {
    /// The kernel saw the packets come in at the subject's own port.
    case port
    /// The packets bore the card's address that the subject has.
    case card
    /// The sender completed handshakes, so it receives what is sent to its address.
    case handshake
    /// Nothing but the address in the packets, which anybody can write.
    case address

    /// A clause for a person: what says that it was the subject.
    public func words(port: String) -> String {
        switch self {
        case .port:
            "the kernel saw its packets come in at its port" + (port.isEmpty ? "" : " \(port)")
        case .card: "its packets bore the network card that the address belongs to"
        case .handshake: "it completed handshakes, so it receives what is sent to its address"
        case .address: "only the address in its packets says so, and it may be forged"
        }
    }

    /// Whether somebody else could have made it look like this by writing addresses into packets.
    public var mayBeForged: Bool { self == .address }
}
