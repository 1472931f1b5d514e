/// Contacts of a window that the subject uses although no answer is seen, and the answers that are
/// seen. All are on pairs, or with outside addresses, that are not in the baseline.
public struct OneSidedContacts: Sendable {
    /// Connections outside that have an acknowledgment and data, but no answer.
    public var used: Float = 0
    /// Pairs of which a stream of datagrams that nobody answers began in the window.
    public var streams: Float = 0
    /// The stretches of streams in the window, also of older ones.
    public var stretches: Float = 0
    /// Those that are faster than sound and pictures.
    public var fastStretches: Float = 0
    /// Pairs outside that accepted a connection, and pairs that refused one, or a datagram, within
    /// two seconds of the flow's start.
    public var accepted: Float = 0
    public var refused: Float = 0
    /// Pairs inside whose host refused a datagram by ICMP.
    public var refusedInside: Float = 0
    /// QUIC to hosts that answer HTTPS.
    public var besideHTTPS: Float = 0
    /// Sites that the subject's station reached over IPv4 after the subject had tried one over IPv6
    /// in vain.
    public var besideIPv4: Float = 0
    /// Pairs that connectivity checks (STUN) were sent to, and those of them that answered.
    public var checks: Float = 0
    public var answeredChecks: Float = 0

    /// Pairs outside that were tried, without those of connectivity checks.
    public var outside = PeerCounts()
    public var outsideIPv6 = PeerCounts()
    /// Of these, the pairs of datagrams to ports from 1024 on, and those of them that answered.
    public var datagrams: Float = 0
    public var answeredDatagrams: Float = 0
    /// The tries of all pairs, those of the same two seconds once for each pair.
    public var rounds: Float = 0

    public init() {}

    /// Datagrams in a stretch of a stream.
    public static let stretch = Float(FlowProgress.stretch)
}

/// Pairs that were tried, and those of them that accepted a connection or answered a datagram.
public struct PeerCounts: Sendable, Equatable {
    public var tried: Float = 0
    public var answered: Float = 0

    public init(tried: Float = 0, answered: Float = 0) {
        self.tried = tried
        self.answered = answered
    }

    public var silent: Float { max(0, tried - answered) }
}
