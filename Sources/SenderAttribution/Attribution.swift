/// The evidence that the subject of a window sent the packets.
public struct Attribution: Sendable, Equatable {
    public var evidence: Evidence
    /// The interface of the node by which the packets came in, where it leads to one container.
    public var portName: String?
    /// TCP handshakes that the sender completed with the sequence number of the answer.
    public var handshakes: Int
    /// Frames that bore the source address of another host.
    public var forgedFrames: Int
    /// Connections that were answered, and that the sender's address reset without using the
    /// answer.
    public var resets: Int

    public init(
        evidence: Evidence, portName: String? = nil, handshakes: Int = 0, forgedFrames: Int = 0,
        resets: Int = 0
    ) {
        self.evidence = evidence
        self.portName = portName
        self.handshakes = handshakes
        self.forgedFrames = forgedFrames
        self.resets = resets
    }

    /// A sentence for people, without its full stop.
    public var text: String {
        let said =
            switch evidence {
            case .port: "the kernel saw the packets come in at the sender's port \(portName ?? "")"
            case .mac: "the packets bore the sender's own MAC address"
            case .handshake:
                "the sender completed \(handshakes) handshake\(handshakes == 1 ? "" : "s"), "
                    + "so it receives what is sent to its address"
            case .address: "may be forged: \(doubt)"
            }
        guard forgedFrames > 0 else { return said }
        return said + "; \(forgedFrames) of them bore addresses of others"
    }

    private var doubt: String {
        if resets > handshakes {
            let count = resets == 1 ? "a connection" : "\(resets) connections"
            return "the owner of the address reset \(count) that it may never have opened"
        }
        switch handshakes {
        case 0: return "no reply was ever used"
        case 1: return "only one reply was used"
        default: return "only \(handshakes) replies were used"
        }
    }
}
