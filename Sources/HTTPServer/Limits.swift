internal import Glibc

/// What one entrance holds at most, and for how long.
package struct Limits: Sendable {
    /// Connections at once. One more takes the place of the one that has waited longest for its
    /// client; where none waits, it is closed.
    package var connections = 64
    /// Streams among them. One more gets 503.
    package var streams = 32
    /// Bytes of a request's line and header fields. More get 431.
    package var headerBytes = 16 << 10
    /// Bytes of a request's body. More get 413.
    package var bodyBytes = 64 << 10
    /// Bytes of a stream that wait for its client. While there are as many, no further chunk is
    /// taken.
    package var streamBytes = 64 << 10
    /// From the connection, or from a later request's line, until the request is whole.
    package var requestTime = Duration.seconds(10)
    /// From an answer until the next request.
    package var idleTime = Duration.seconds(60)
    /// Until a client has taken an answer, or the part of a stream that is under way.
    package var sendTime = Duration.seconds(30)
    /// Until a stream that has nothing to send shows that it is there.
    package var beatTime = Duration.seconds(15)
    /// From the order to stop until what is still open is cut off.
    package var stopTime = Duration.seconds(2)

    package init() {}
}

/// Why an entrance could not be opened.
package enum ServerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `step` is the system call that failed.
    case listen(address: String, step: String, reason: String)
    /// libmicrohttpd did not start: there is no memory, or no descriptor.
    case start(address: String, reason: String)

    package var description: String {
        switch self {
        case .listen(let address, let step, let reason): "\(address): \(step): \(reason)"
        case .start(let address, let reason):
            "\(address): libmicrohttpd does not start: \(reason)"
        }
    }
}

extension ServerError {
    /// - Returns: the system call's result, where it is not negative.
    static func check(
        _ result: Int32, _ step: String, _ address: String
    ) throws(ServerError) -> Int32 {
        let code = errno
        guard result < 0 else { return result }
        // SAFETY: the text is copied at once.
        throw .listen(address: address, step: step, reason: unsafe String(cString: strerror(code)))
    }
}
