internal import Synchronization

/// A request and the unread part of its answer. The transfer thread writes it, and one task reads
/// it.
final class Transfer: Sendable {
    enum End: Equatable { case whole, failed(HTTPError) }

    private struct State {
        var status: Int?
        /// Received and not read yet.
        var bytes: [UInt8] = []
        /// The transfer is paused until `bytes` was read.
        var isPaused = false
        var end: End?
        /// The task that waits for a change.
        var reader: CheckedContinuation<Void, Never>?
    }

    /// With this many bytes or more, the transfer is paused; libcurl passes at most 16 KiB at a
    /// time.
    static let bufferLimit = 256 << 10

    let request: HTTPRequest
    private let thread: TransferThread
    private let state = Mutex(State())

    init(_ request: HTTPRequest, on thread: TransferThread) {
        self.request = request
        self.thread = thread
    }

    // MARK: - Thread

    /// Stores the status when the answer's header is complete.
    func take(status: Int) { change { $0.status = status } }

    enum Taken { case all, none, isOver }

    /// Stores a part of the body; `.none`: the buffer is full, and libcurl must pass it again.
    func take(_ bytes: UnsafeRawBufferPointer) -> Taken {
        change { state in
            guard state.end == nil else { return .isOver }
            guard state.bytes.count < Self.bufferLimit else {
                state.isPaused = true
                return .none
            }
            // SAFETY: the bytes are valid for the call, which copies them.
            unsafe state.bytes.append(contentsOf: bytes)
            return .all
        }
    }

    /// Ends the transfer; only the first end counts.
    func finish(_ end: End) {
        change { state in
            if state.end == nil { state.end = end }
        }
    }

    private func change<Value>(_ body: (inout State) -> Value) -> Value {
        let (value, reader) = state.withLock { state in
            let value = body(&state)
            defer { state.reader = nil }
            return (value, state.reader)
        }
        reader?.resume()
        return value
    }

    // MARK: - Reader

    func status() async throws(HTTPError) -> Int {
        await wait { $0.status != nil }
        let (status, end) = state.withLock { ($0.status, $0.end) }
        if case .failed(let error)? = end, error == .cancelled || status == nil { throw error }
        guard let status else { throw .broken("the server gave no answer") }
        return status
    }

    func next() async throws(HTTPError) -> [UInt8]? {
        await wait { !$0.bytes.isEmpty }
        let (bytes, end, wasPaused) = state.withLock { state in
            defer {
                state.bytes = []
                state.isPaused = false
            }
            return (state.bytes, state.end, state.isPaused)
        }
        if wasPaused { thread.post(.resume(self)) }
        // The reader first receives the bytes that came before an error.
        if case .failed(let error)? = end, error == .cancelled || bytes.isEmpty { throw error }
        return bytes.isEmpty ? nil : bytes
    }

    /// Ends the transfer, if it has not ended yet.
    func cancel() {
        let isFirst = change { state in
            guard state.end == nil else { return false }
            state.end = .failed(.cancelled)
            return true
        }
        if isFirst { thread.post(.stop(self)) }
    }

    /// Returns when `isReady` holds or the transfer has ended.
    private func wait(until isReady: @Sendable (borrowing State) -> Bool) async {
        await withTaskCancellationHandler {
            while true {
                let isOver = state.withLock { $0.end != nil || isReady($0) }
                if isOver { return }
                await withCheckedContinuation { continuation in
                    // The state may have changed since.
                    let goesOn = state.withLock { state in
                        if state.end != nil || isReady(state) { return true }
                        precondition(state.reader == nil, "one task reads an answer")
                        state.reader = continuation
                        return false
                    }
                    if goesOn { continuation.resume() }
                }
            }
        } onCancel: {
            cancel()
        }
    }
}
