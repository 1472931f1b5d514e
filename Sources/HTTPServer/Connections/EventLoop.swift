internal import CMicroHTTPD
internal import Glibc
internal import Synchronization

/// Serves one listening socket on its own thread, which waits for libmicrohttpd's epoll descriptor
/// and for messages.
///
/// The library could poll on a thread of its own. With this loop, all calls to the library and all
/// state of connections belong to one thread: nothing is locked, and a connection cannot be closed
/// while it is resumed. Time limits that the library does not have are checked between two calls.
/// Stopping leaves no connection suspended, which would abort the program. Tasks that compute
/// answers only post messages.
///
/// `@unchecked Sendable`: any thread may use `messages` and `bell`; only the loop's thread uses the
/// other properties once it runs.
final class EventLoop: @unchecked Sendable {
    private enum Message: Sendable {
        case answer(UInt64, Response)
        /// A stream that was empty has bytes to send, or has ended.
        case ready(UInt64)
        case stop
    }

    let limits: Limits
    private let name: String
    private let respond: @Sendable (Request) async -> Response
    private let peersAreProcesses: Bool
    private let messages = Mutex<[Message]>([])
    /// The wake-up descriptor, readable when there are messages (eventfd(2)).
    private let bell: Descriptor

    private var daemon: Daemon?
    private var file: SocketFile?
    private var connections: [UInt64: Connection] = [:]
    private var lastNumber: UInt64 = 0
    private var nextSweep = ContinuousClock.now
    /// Whether a client has connected since the library was last called.
    private var hasAdmitted = false
    /// The latest time at which the loop ends; nil until it is stopped.
    private var stopsBy: ContinuousClock.Instant?

    /// The precision of time limits.
    private static let sweepTime = Duration.milliseconds(250)

    init(
        _ listener: consuming Listener, limits: Limits, name: String, tls: TLSIdentity?,
        respond: @escaping @Sendable (Request) async -> Response
    ) throws(ServerError) {
        self.limits = limits
        self.name = name
        self.respond = respond
        peersAreProcesses = listener.port == nil
        let address = listener.address
        let flags = Int32(EFD_CLOEXEC | EFD_NONBLOCK)
        bell = Descriptor(try ServerError.check(eventfd(0, flags), "eventfd", address))
        file = listener.file
        // A connection that was closed for another one counts until the library has noticed.
        daemon = try Daemon(
            address: address, listening: listener.descriptor,
            connections: limits.connections + Limits.closing, memory: limits.headerBytes * 2,
            tls: tls, loop: self)
    }

    // MARK: - Any thread

    func stop() { post(.stop) }

    private func post(_ message: Message) {
        messages.withLock { $0.append(message) }
        // If the write fails, a wake-up is pending already.
        eventfd_write(bell.number, 1)
    }

    // MARK: - The loop

    /// Serves until stopped. When this returns, the socket's file is removed and all connections
    /// are closed.
    func serve() {
        repeat {
            let isCalled = wait()
            for message in takeMessages() { take(message) }
            run(isCalled)
            sweep()
        } while !isOver
        for connection in connections.values { cutOff(connection) }
        daemon = nil
        file = nil
    }

    private var isOver: Bool {
        guard let stopsBy else { return false }
        return connections.isEmpty || stopsBy <= .now
    }

    /// Waits for messages or the library's descriptor; returns true if the latter is readable.
    private func wait() -> Bool {
        var patience = daemon?.patience ?? -1
        if !connections.isEmpty || stopsBy != nil {
            let sweep = Int32(Self.sweepTime / .milliseconds(1))
            patience = patience < 0 ? sweep : min(patience, sweep)
        }
        var events = [bell.number, daemon?.descriptor ?? -1].map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        // SAFETY: the array is valid for the call and has the given number of elements.
        return unsafe poll(&events, nfds_t(events.count), patience) > 0 && events[1].revents != 0
    }

    private func takeMessages() -> [Message] {
        var count: UInt64 = 0
        // SAFETY: the number is a local variable.
        unsafe _ = eventfd_read(bell.number, &count)
        return messages.withLock { messages in
            defer { messages = [] }
            return messages
        }
    }

    private func take(_ message: Message) {
        switch message {
        case .answer(let number, let answer):
            // The client may have disconnected.
            guard let connection = connections[number], connection.phase == .answering else {
                break
            }
            connection.answer = answer
            resume(connection)
        case .ready(let number):
            if let connection = connections[number] { resume(connection) }
        case .stop:
            guard stopsBy == nil else { break }
            stopsBy = .now + limits.stopTime
            file = nil
            daemon?.stopListening()
            for connection in connections.values {
                switch connection.phase {
                case .idle, .receiving: cutOff(connection)
                // Cancelling the task ends the stream.
                case .sending: connection.task?.cancel()
                case .answering, .closing: break
                }
            }
        }
    }

    private func run(_ isCalled: Bool) {
        let wasEmpty = connections.isEmpty
        hasAdmitted = false
        daemon?.run()
        // A client connects, and no descriptor is left: without a pause, the library would retry in
        // a busy loop.
        if isCalled, wasEmpty, connections.isEmpty, !hasAdmitted { usleep(50_000) }
    }

    /// Closes connections whose time is over, and makes silent streams send a sign of life.
    private func sweep() {
        let now = ContinuousClock.now
        guard nextSweep <= now else { return }
        nextSweep = now + Self.sweepTime
        for connection in connections.values {
            if let deadline = connection.deadline, deadline <= now {
                cutOff(connection)
            } else if let stream = connection.stream, connection.isSuspended {
                if connection.isLeft {
                    cutOff(connection)
                } else if let beat = connection.nextBeat, beat <= now {
                    stream.showLife()
                }
            }
        }
    }

    private func resume(_ connection: Connection) {
        guard connection.isSuspended else { return }
        connection.isSuspended = false
        connection.wire.resume()
    }

    private func cutOff(_ connection: Connection) {
        guard connection.phase != .closing else { return }
        connection.enter(.closing, for: nil)
        connection.forgetRequest()
        shutdown(connection.wire.socket, Int32(SHUT_RDWR))
        resume(connection)
    }
}

// The callbacks of libmicrohttpd, on the loop's thread and within `Daemon.run` or the daemon's
// `deinit`.
extension EventLoop {
    /// Whether a further connection is accepted. At the limit, the connection that has waited
    /// longest for its client is closed in its favour.
    func admits() -> Bool {
        hasAdmitted = true
        let open = connections.values.filter { $0.phase != .closing }
        guard open.count >= limits.connections else { return true }
        let waiting = open.filter { $0.phase == .idle || $0.phase == .receiving }
        guard let longest = waiting.min(by: { $0.since < $1.since }) else { return false }
        cutOff(longest)
        return true
    }

    func opened(_ wire: Wire) -> Connection {
        lastNumber += 1
        let connection = Connection(
            wire, number: lastNumber, loop: self, peersAreProcesses: peersAreProcesses)
        connection.enter(.receiving, for: limits.requestTime)
        connections[lastNumber] = connection
        makeRoom(beside: connection)
        return connection
    }

    /// Where the user of a new connection has too many, the one that has waited for longest is
    /// closed; where none waits, the new one is closed.
    private func makeRoom(beside connection: Connection) {
        guard let user = connection.user, user != 0 else { return }
        let own = connections.values.filter { $0.user == user && $0.phase != .closing }
        guard own.count > share(of: limits.connections) else { return }
        let waiting = own.filter { $0.phase == .idle || $0.phase == .receiving }
        if let longest = waiting.min(by: { ($0.since, $0.number) < ($1.since, $1.number) }) {
            cutOff(longest)
        }
    }

    private func share(of limit: Int) -> Int { max(1, Int(Double(limit) * limits.shareOfUser)) }

    func closed(_ connection: Connection) {
        connection.forgetRequest()
        connections[connection.number] = nil
    }

    /// The request's line has arrived.
    func begun(_ connection: Connection, target: String) {
        connection.target = target
        if connection.phase == .idle { connection.enter(.receiving, for: limits.requestTime) }
    }

    /// Processes the next part of a request: its header fields, a part of its body, its end, its
    /// answer.
    ///
    /// - Parameter upload: a part of the body; empty otherwise.
    /// - Returns: false to close the connection.
    func step(
        _ connection: Connection, method: String, version: String, upload: [UInt8]
    ) -> Bool {
        switch connection.phase {
        case .receiving:
            guard let request = connection.request else {
                return takeHead(connection, method: method, version: version)
            }
            guard upload.isEmpty else {
                connection.request?.body += upload
                return true
            }
            answer(request, of: connection)
            return true
        case .answering:
            if let answer = connection.answer { return send(answer, to: connection) }
            // Suspend here and not in `answer`: after a resume the library would read first, and
            // drop a client that has closed its half after the request. After this second call the
            // library waits for the answer instead.
            connection.isSuspended = true
            connection.wire.suspend()
            return true
        case .sending: return true
        case .idle, .closing: return false
        }
    }

    private func takeHead(_ connection: Connection, method: String, version: String) -> Bool {
        let wire = connection.wire
        do throws(ProblemDetails) {
            guard wire.headerSize <= limits.headerBytes else {
                throw ProblemDetails(
                    .headersTooLarge, "at most \(limits.headerBytes) bytes of header are taken")
            }
            let headers = wire.headers
            try headers.check(bodyBytes: limits.bodyBytes)
            // Clients of a Unix socket have no host name, and some omit the field.
            guard peersAreProcesses || version == "HTTP/1.0" || headers["Host"] != nil else {
                throw ProblemDetails(.badRequest, "HTTP/1.1 takes the field Host")
            }
            connection.request = try Request(
                Method(method), connection.target, headers: headers, peer: connection.peer,
                user: connection.user)
            return true
        } catch {
            // The library closes the connection after an answer to a request that it has not fully
            // read.
            return send(error.response, to: connection)
        }
    }

    private func answer(_ request: Request, of connection: Connection) {
        connection.enter(.answering, for: nil)
        let number = connection.number
        connection.task = Task { [respond] in
            let answer = await respond(request)
            self.post(.answer(number, answer))
        }
    }

    private func send(_ answer: Response, to connection: Connection) -> Bool {
        var answer = answer
        connection.task = nil
        if let problem = excess(of: answer, to: connection) {
            answer = problem.response
        } else if case .stream(let body) = answer.body, connection.request?.method != .head {
            let number = connection.number
            let stream = OutgoingStream(body, limit: limits.streamBytes) {
                self.post(.ready(number))
            }
            connection.stream = stream
            connection.task = Task { await stream.run() }
        }
        if case .bytes(let bytes) = answer.body { connection.answerBytes = bytes.count }
        answer.headers["Server"] = name
        connection.enter(.sending, for: limits.sendTime)
        return connection.wire.queue(answer, of: connection)
    }

    /// The reason why an answer exceeds the memory for unsent answers; nil: it does not.
    private func excess(of answer: Response, to connection: Connection) -> ProblemDetails? {
        let why: String
        switch answer.body {
        case .stream:
            guard connection.request?.method != .head else { return nil }
            let open = connections.values.filter { $0.stream != nil }
            let own = open.count { $0.user == connection.user }
            if open.count >= limits.streams {
                why = "\(limits.streams) streams are open, which is the limit"
            } else if let user = connection.user, user != 0, own >= share(of: limits.streams) {
                why = "\(own) streams of this user are open, which is the limit"
            } else {
                return nil
            }
        case .bytes(let bytes):
            let held = connections.values.reduce(0) { $0 + $1.answerBytes }
            guard bytes.count > limits.smallAnswer, held > 0,
                held + bytes.count > limits.answerBytes
            else { return nil }
            why = "\(held) bytes of answers wait for their readers, which is near the limit"
        }
        return ProblemDetails(.unavailable, why, headers: ["Retry-After": "10"])
    }

    /// Sends the next bytes of a stream; where there are none, suspends the connection until there
    /// are.
    func fill(
        _ connection: Connection, _ room: UnsafeMutableRawBufferPointer
    ) -> OutgoingStream.Taken {
        guard connection.phase == .sending, let stream = connection.stream else { return .end }
        let taken = unsafe stream.take(into: room)
        if taken == .nothing {
            connection.deadline = nil
            connection.isSuspended = true
            connection.wire.suspend()
        } else {
            connection.deadline = .now + limits.sendTime
            connection.nextBeat = .now + limits.beatTime
        }
        return taken
    }

    /// The request was answered, or its connection failed.
    func completed(_ connection: Connection) {
        connection.forgetRequest()
        guard connection.phase != .closing else { return }
        connection.enter(.idle, for: limits.idleTime)
        if stopsBy != nil { cutOff(connection) }
    }
}
