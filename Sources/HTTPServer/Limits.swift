internal import Glibc

/// The limits of one listening socket, in size and time.
package struct Limits: Sendable {
    /// The greatest number of connections. A further one replaces the one that has waited longest
    /// for its client; if none waits, it is closed.
    package var connections = 64
    /// The greatest number of streams among them. A further one is answered with 503.
    package var streams = 32
    /// Connections, and streams, that one user other than root may have: no user can keep the
    /// others out.
    package var shareOfUser = 0.5
    /// Bytes of answers that wait for their clients. A further answer above `smallAnswer` gets 503,
    /// unless none waits.
    package var answerBytes = 32 << 20
    /// Size in bytes up to which an answer is always sent.
    package var smallAnswer = 64 << 10
    /// Bytes of a request's line and header fields. More get 431.
    package var headerBytes = 16 << 10
    /// The greatest size in bytes of a request's body. More is answered with 413.
    package var bodyBytes = 64 << 10
    /// The greatest number of buffered bytes of a stream. At this limit, no further chunk is
    /// requested.
    package var streamBytes = 64 << 10
    /// The time from the connection, or from a later request's line, until the request is complete.
    package var requestTime = Duration.seconds(10)
    /// The time from an answer until the next request.
    package var idleTime = Duration.seconds(60)
    /// The time until a client has received an answer, or the current part of a stream.
    package var sendTime = Duration.seconds(30)
    /// The time after which a stream with nothing to send sends a sign of life.
    package var beatTime = Duration.seconds(15)
    /// The time from the stop until connections that are still open are closed.
    package var stopTime = Duration.seconds(2)

    /// Connections that were shut down, and that the library has not closed yet: they come on top.
    package static let closing = 16

    package init() {}
}

/// Why a listening socket could not be opened.
package enum ServerError: Error, Equatable, Sendable, CustomStringConvertible {
    /// `step` is the system call that failed.
    case listen(address: String, step: String, reason: String)
    /// libmicrohttpd did not start: no memory or no descriptor was left.
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
    /// - Returns: the system call's result, if it is not negative.
    static func check(
        _ result: Int32, _ step: String, _ address: String
    ) throws(ServerError) -> Int32 {
        let code = errno
        guard result < 0 else { return result }
        // SAFETY: the text is copied at once.
        throw .listen(address: address, step: step, reason: unsafe String(cString: strerror(code)))
    }
}
