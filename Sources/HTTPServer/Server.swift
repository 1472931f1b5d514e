internal import SystemSupport

/// An HTTP/1.1 server on one listening socket, based on libmicrohttpd.
package struct Server: Sendable {
    private let loop: EventLoop

    /// - Parameters:
    ///   - name: the value of the Server field.
    ///   - respond: answers requests, several concurrently; its task is cancelled when the client
    ///     disconnects.
    package init(
        _ listener: consuming Listener, limits: Limits = Limits(), name: String,
        respond: @escaping @Sendable (Request) async -> Response
    ) throws(ServerError) {
        loop = try EventLoop(listener, limits: limits, name: name, respond: respond)
    }

    /// Serves until the task is cancelled, which stops it within `Limits.stopTime`: no further
    /// client is accepted, the socket's file is removed, streams end, and pending answers are sent.
    /// May be called once only.
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
