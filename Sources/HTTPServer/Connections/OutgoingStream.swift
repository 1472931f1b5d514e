internal import Synchronization

/// A stream's bytes between the task that produces them and the loop that sends them.
///
/// At most `limit` bytes and one chunk are buffered; at this limit, the task requests no further
/// chunk.
final class OutgoingStream: Sendable {
    private struct State {
        var bytes: [UInt8]
        /// No more bytes are accepted.
        var isEnded = false
        /// The loop has found no bytes and must be woken.
        var isAwaited = false
        /// The task, while it waits for space.
        var producer: CheckedContinuation<Void, Never>?
    }

    enum Taken: Equatable {
        case some(Int)
        /// There are no bytes yet; the loop will be woken.
        case nothing
        case end
    }

    private let state: Mutex<State>
    private let chunks: any AsyncSequence<[UInt8], Never> & Sendable
    private let beat: [UInt8]
    private let limit: Int
    private let wake: @Sendable () -> Void

    /// - Parameter wake: called from any thread when there are bytes again, or the end, after the
    ///   loop found none.
    init(_ body: Response.Stream, limit: Int, wake: @escaping @Sendable () -> Void) {
        state = Mutex(State(bytes: body.first))
        chunks = body.chunks
        beat = body.beat
        self.limit = limit
        self.wake = wake
    }

    /// Reads chunks until there are no more or the task is cancelled; buffered bytes are still
    /// sent.
    func run() async {
        await takeIn(chunks)
        end()
    }

    private func takeIn(_ chunks: some AsyncSequence<[UInt8], Never>) async {
        for await chunk in chunks {
            add(chunk)
            await waitForRoom()
            if Task.isCancelled { return }
        }
    }

    /// Sends a sign of life to the client.
    func showLife() { add(beat) }

    private func add(_ bytes: [UInt8]) {
        let isAwaited = state.withLock { state in
            guard !state.isEnded else { return false }
            state.bytes += bytes
            defer { state.isAwaited = false }
            return state.isAwaited
        }
        if isAwaited { wake() }
    }

    /// Moves as many bytes as fit into `room`.
    func take(into room: UnsafeMutableRawBufferPointer) -> Taken {
        var producer: CheckedContinuation<Void, Never>?
        let taken: Taken = state.withLock { state in
            let count = min(room.count, state.bytes.count)
            guard count > 0 else {
                state.isAwaited = !state.isEnded
                return state.isEnded ? .end : .nothing
            }
            // SAFETY: `room` is valid for the call and has at least that many bytes.
            unsafe room.copyBytes(from: state.bytes[..<count])
            state.bytes.removeFirst(count)
            if state.bytes.count < limit { producer = state.producer.take() }
            return .some(count)
        }
        producer?.resume()
        return taken
    }

    /// Drops the buffered bytes, because the connection is closed, and ends the stream.
    func close() {
        state.withLock { $0.bytes = [] }
        end()
    }

    private func end() {
        let (isAwaited, producer) = state.withLock { state in
            state.isEnded = true
            defer { state.isAwaited = false }
            return (state.isAwaited, state.producer.take())
        }
        producer?.resume()
        if isAwaited { wake() }
    }

    private func waitForRoom() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let hasRoom = state.withLock { state in
                    guard state.bytes.count >= limit, !state.isEnded else { return true }
                    state.producer = continuation
                    return false
                }
                if hasRoom { continuation.resume() }
            }
        } onCancel: {
            end()
        }
    }
}
