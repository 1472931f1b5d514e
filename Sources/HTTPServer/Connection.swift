internal import Glibc

/// One connection and its current request. Only the loop's thread uses it.
final class Connection {
    enum Phase {
        /// Between two requests.
        case idle
        /// A request arrives; `request` is set once its header fields are complete.
        case receiving
        /// A task computes the answer.
        case answering
        /// The answer is being sent.
        case sending
        /// Its socket is shut down; libmicrohttpd has not noticed yet.
        case closing
    }

    let number: UInt64
    let wire: Wire
    unowned let loop: EventLoop
    /// The client's process; nil unless the connection is by a Unix socket.
    let peer: Peer?
    private(set) var phase = Phase.receiving
    /// When the current phase began.
    private(set) var since = ContinuousClock.now
    /// When the connection is closed unless it makes progress.
    var deadline: ContinuousClock.Instant?
    /// Whether it is suspended in libmicrohttpd until it is resumed.
    var isSuspended = false

    // The current request:
    var target = ""
    var request: Request?
    var task: Task<Void, Never>?
    var answer: Response?
    var stream: OutgoingStream?
    /// When the stream must next send a sign of life.
    var nextBeat: ContinuousClock.Instant?

    init(_ wire: Wire, number: UInt64, loop: EventLoop, peersAreProcesses: Bool) {
        self.wire = wire
        self.number = number
        self.loop = loop
        peer = peersAreProcesses ? Self.peer(of: wire.socket) : nil
    }

    /// - Parameter limit: the greatest length of the phase; nil: no limit.
    func enter(_ phase: Phase, for limit: Duration?) {
        self.phase = phase
        since = .now
        deadline = limit.map { since + $0 }
    }

    /// Drops the request and cancels its task and stream.
    func forgetRequest() {
        task?.cancel()
        stream?.close()
        (target, request, task, answer, stream, nextBeat) = ("", nil, nil, nil, nil, nil)
    }

    /// Whether the client has closed the connection or its half of it. While the connection is
    /// suspended, libmicrohttpd does not check.
    var isLeft: Bool {
        var byte: UInt8 = 0
        // SAFETY: the byte is a local variable; with MSG_PEEK the data remains in the socket.
        let count = unsafe recv(
            wire.socket, &byte, 1, Int32(MSG_PEEK | MSG_DONTWAIT))
        return count == 0 || count < 0 && errno != EAGAIN && errno != EINTR
    }

    /// `struct ucred` of <sys/socket.h>, which glibc declares for GNU sources only.
    private static func peer(of socket: Int32) -> Peer? {
        var peer = (pid: Int32(0), uid: UInt32(0), gid: UInt32(0))
        var size = socklen_t(MemoryLayout.size(ofValue: peer))
        // SAFETY: the kernel writes three 32-bit numbers.
        guard unsafe getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 else {
            return nil
        }
        return Peer(pid: peer.pid, uid: peer.uid, gid: peer.gid)
    }
}
