internal import CMicroHTTPD
internal import SystemSupport

/// A certificate with its private key, both as PEM.
package struct TLSIdentity: Sendable, Equatable {
    /// The server's certificate, followed by those of its issuers, if any.
    package var certificate: String
    package var key: String

    package init(certificate: String, key: String) {
        self.certificate = certificate
        self.key = key
    }

    /// Whether both can be read, and belong together.
    package var isUsable: Bool {
        // SAFETY: libmicrohttpd reads both texts during the call, for which they are valid.
        unsafe certificate.withCString { certificate in
            unsafe key.withCString { unsafe lazaret_http_is_usable(certificate, $0) }
        }
    }
}

/// An HTTP/1.1 server on one listening socket, based on libmicrohttpd.
package struct Server: Sendable {
    private let loop: EventLoop

    /// - Parameters:
    ///   - name: the value of the Server field.
    ///   - tls: nil: no TLS.
    ///   - respond: answers requests, several concurrently; its task is cancelled when the client
    ///     disconnects.
    package init(
        _ listener: consuming Listener, limits: Limits = Limits(), name: String,
        tls: TLSIdentity? = nil, respond: @escaping @Sendable (Request) async -> Response
    ) throws(ServerError) {
        loop = try EventLoop(listener, limits: limits, name: name, tls: tls, respond: respond)
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
