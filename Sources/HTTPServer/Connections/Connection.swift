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
    /// The user at the other end; nil where it is unknown.
    let user: UInt32?
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
    /// The body of an answer that is sent as a whole.
    var answerBytes = 0
    var stream: OutgoingStream?
    /// When the stream must next send a sign of life.
    var nextBeat: ContinuousClock.Instant?

    init(_ wire: Wire, number: UInt64, loop: EventLoop, peersAreProcesses: Bool) {
        self.wire = wire
        self.number = number
        self.loop = loop
        peer = peersAreProcesses ? SocketUser.peer(of: wire.socket) : nil
        user = peersAreProcesses ? peer?.uid : SocketUser.user(of: wire.socket)
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
        answerBytes = 0
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
}
