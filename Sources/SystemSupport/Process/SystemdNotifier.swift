internal import Glibc
internal import Timestamps

/// Notifies systemd of the service's state (sd_notify(3)); does nothing without NOTIFY_SOCKET.
public struct SystemdNotifier: Sendable {
    private let socket: String?
    /// Time between watchdog notices; nil if systemd expects none.
    private let interval: Interval?
    private var nextBeat = Clock.monotonic()

    /// - Parameter environment: of the process.
    public init(environment: [String: String]) {
        let path = environment["NOTIFY_SOCKET"] ?? ""
        socket = path.hasPrefix("/") || path.hasPrefix("@") ? path : nil
        let isOurs = environment["WATCHDOG_PID"].map { $0 == "\(getpid())" } ?? true
        // Twice as often as must be.
        interval = environment["WATCHDOG_USEC"].flatMap(Int64.init).flatMap { limit in
            isOurs && limit > 0 ? .microseconds(limit) / 2 : nil
        }
    }

    /// Capture and quarantine are open.
    public func ready(_ status: String) { send("READY=1\nSTATUS=\(Self.line(status))") }

    /// A line for `systemctl status`.
    public func status(_ text: String) { send("STATUS=\(Self.line(text))") }

    /// The configuration is being reloaded; `ready` ends this state.
    public func reloading() {
        send("RELOADING=1\nMONOTONIC_USEC=\(Clock.monotonic().nanoseconds / 1000)")
    }

    public func stopping() { send("STOPPING=1") }

    /// A sign of life, where one is due; called by the loop whose hanging is to be noticed.
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

    /// A manager that cannot be reached is no reason to stop.
    private func send(_ text: String) {
        guard let socket else { return }
        try? Sockets.send(Array(text.utf8), toUnix: socket)
    }
}
