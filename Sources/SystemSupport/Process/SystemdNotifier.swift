internal import Glibc
internal import Timestamps

/// Notifies systemd of the service's state (sd_notify(3)); does nothing without NOTIFY_SOCKET.
public struct SystemdNotifier: Sendable {
    private let socket: String?
    /// The interval between watchdog notifications; nil if systemd expects none.
    private let interval: Interval?
    private var nextBeat = Clock.monotonic()

    /// - Parameter environment: the environment of the process.
    public init(environment: [String: String]) {
        let path = environment["NOTIFY_SOCKET"] ?? ""
        socket = path.hasPrefix("/") || path.hasPrefix("@") ? path : nil
        let isOurs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        // Twice as often as required.
        interval = environment["WATCHDOG_USEC"].flatMap(Int64.init).flatMap { limit in
            isOurs && limit > 0 ? .microseconds(limit) / 2 : nil
        }
    }

    /// Notifies systemd that capture and quarantine are open.
    public func ready(_ status: String) { send("READY=1\nSTATUS=\(Self.line(status))") }

    /// Sets the status line of `systemctl status`.
    public func status(_ text: String) { send("STATUS=\(Self.line(text))") }

    /// Notifies systemd that the configuration is being reloaded; `ready` ends this state.
    public func reloading() {
        send("RELOADING=1\nMONOTONIC_USEC=\(Clock.monotonic().nanoseconds / 1000)")
    }

    public func stopping() { send("STOPPING=1") }

    /// Sends a watchdog notification if one is due; called by the loop that the watchdog monitors.
    public mutating func beat() {
        guard let interval else { return }
        let now = Clock.monotonic()
        guard now >= nextBeat else { return }
        nextBeat = now + interval
        send("WATCHDOG=1")
    }

    private static func line(_ text: String) -> String {
        text.replacing("\n", with: " ")
    }

    /// An unreachable service manager is no reason to stop.
    private func send(_ text: String) {
        guard let socket else { return }
        try? Sockets.send(Array(text.utf8), toUnix: socket)
    }
}
