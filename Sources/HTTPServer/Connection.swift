internal import Glibc

/// One connection, and the request that is under way on it. It belongs to the loop's thread.
final class Connection {
    enum Phase {
        /// Between two requests.
        case idle
        /// A request comes in; `request` is there once its header fields are.
        case receiving
        /// A task makes the answer.
        case answering
        /// The answer goes out.
        case sending
        /// Its socket is shut down, and libmicrohttpd is about to find out.
        case closing
    }

    let number: UInt64
    let wire: Wire
    unowned let loop: EventLoop
    /// Who is at the other end; nil where that is no process on a Unix socket.
    let peer: Peer?
    private(set) var phase = Phase.receiving
    /// When the phase began.
    private(set) var since = ContinuousClock.now
    /// When it is cut off, unless it gets on.
    var deadline: ContinuousClock.Instant?
    /// Whether libmicrohttpd leaves it alone until it is resumed.
    var isSuspended = false

    // Of the request that is under way:
    var target = ""
    var request: Request?
    var task: Task<Void, Never>?
    var answer: Response?
    var stream: OutgoingStream?
    /// When the stream has to show that it is still there.
    var nextBeat: ContinuousClock.Instant?

    init(_ wire: Wire, number: UInt64, loop: EventLoop, peersAreProcesses: Bool) {
        self.wire = wire
        self.number = number
        self.loop = loop
        peer = peersAreProcesses ? Self.peer(of: wire.socket) : nil
    }

    /// - Parameter limit: how long the phase may last; nil: without end.
    func enter(_ phase: Phase, for limit: Duration?) {
        self.phase = phase
        since = .now
        deadline = limit.map { since + $0 }
    }

    /// Forgets the request, and ends what is done for it.
    func forgetRequest() {
        task?.cancel()
        stream?.close()
        (target, request, task, answer, stream, nextBeat) = ("", nil, nil, nil, nil, nil)
    }

    /// Whether the client has closed the connection, or its half of it. While it is suspended,
    /// nobody else looks.
    var isLeft: Bool {
        var byte: UInt8 = 0
        // SAFETY: the byte is ours, and stays unread in the socket.
        let count = unsafe recv(
            wire.socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
        return count == 0 || count < 0 && errno != EAGAIN && errno != EINTR
    }

    /// `struct ucred` of <sys/socket.h>, which glibc shows to GNU sources only.
    private static func peer(of socket: Int32) -> Peer? {
        var peer = (pid: Int32(0), uid: UInt32(0), gid: UInt32(0))
        var size = socklen_t(MemoryLayout.size(ofValue: peer))
        // SAFETY: the kernel fills in three numbers of 32 bits.
        guard unsafe getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 else {
            return nil
        }
        return Peer(pid: peer.pid, uid: peer.uid, gid: peer.gid)
    }
}
