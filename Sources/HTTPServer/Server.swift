internal import SystemSupport

/// An HTTP/1.1 server on one socket, made with libmicrohttpd.
package struct Server: Sendable {
    private let loop: EventLoop

    /// - Parameters:
    ///   - name: for the field Server.
    ///   - respond: answers requests, several at once; its task is cancelled when the client is
    ///     gone.
    package init(
        _ listener: consuming Listener, limits: Limits = Limits(), name: String,
        respond: @escaping @Sendable (Request) async -> Response
    ) throws(ServerError) {
        loop = try EventLoop(listener, limits: limits, name: name, respond: respond)
    }

    /// Serves until the task is cancelled, which stops it within `Limits.stopTime`: nobody is let
    /// in any more, the socket's file is removed, streams end, and answers that are under way are
    /// sent. To be called once.
    package func run() async {
        await withTaskCancellationHandler {
            await withCheckedContinuation { ended in
                startThread { [loop] in
                    loop.serve()
                    ended.resume()
                }
            }
        } onCancel: {
            loop.stop()
        }
    }
}
