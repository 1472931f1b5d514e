internal import Logging
internal import HTTPServer
internal import Monitor
import StatusReport
internal import SystemSupport

/// One entrance of the control server, the socket or the port. Each opens and fails independently
/// of the other; one that cannot be opened is tried again.
struct Entrance: Sendable {
    enum Place: Sendable {
        case socket(String)
        /// An address and a port; with a certificate, by TLS.
        case port(String, UInt16, tls: TLSIdentity?)

        /// The entrance's name in the status and in the metrics.
        var name: String {
            switch self {
            case .socket: "socket"
            case .port: "port"
            }
        }

        var address: String {
            switch self {
            case .socket(let path): path
            case .port(let host, let number, _):
                host.contains(":") ? "[\(host)]:\(number)" : "\(host):\(number)"
            }
        }
    }

    let place: Place
    let limits: Limits
    let hub: MonitorHub
    let logger: Logger
    let respond: @Sendable (Request) async -> Response

    /// Serves until the task is cancelled.
    func run() async {
        var backoff = Backoff()
        var trouble = ""
        while !Task.isCancelled {
            do throws(ServerError) {
                let server = try server()
                hub.report(place, trouble: nil)
                if !trouble.isEmpty { logger.notice("\(place.address): answers from now on") }
                return await server.run()
            } catch {
                hub.report(place, trouble: "\(error)")
                if trouble != "\(error)" {
                    trouble = "\(error)"
                    logger.error(
                        """
                        \(trouble); clients cannot connect there; trying again
                        """
                    )
                }
                backoff.fail()
                while !backoff.isOver, !Task.isCancelled {
                    try? await Task.sleep(for: .milliseconds(100))
                }
            }
        }
    }

    private func server() throws(ServerError) -> Server {
        switch place {
        case .socket(let path):
            try Server(try .unix(path), limits: limits, name: "lazaret", respond: respond)
        case .port(let host, let number, let tls):
            try Server(
                try .tcp(host, port: number), limits: limits, name: "lazaret", tls: tls,
                respond: respond)
        }
    }
}

extension MonitorHub {
    fileprivate func report(_ place: Entrance.Place, trouble: String?) {
        report(entrance: place.name, address: place.address) { $0.trouble = trouble }
    }
}
