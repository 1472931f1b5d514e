import Events
import Logging

/// The log lines of events: one for each alert and each change of the quarantine.
///
/// Alerts beyond a limit per second are counted in one line, so that a flood of them neither fills
/// the journal nor hides the quarantine's lines, which have no limit.
struct EventLines {
    private static let alertsPerSecond = 20

    private var alerts = 0
    private let logger: Logger

    init(logger: Logger) { self.logger = logger }

    mutating func log(_ event: Event) {
        guard let text = event.text else { return }
        if isLimited(event) {
            alerts += 1
            guard alerts <= Self.alertsPerSecond else { return }
        }
        logger.log(level: Self.level(of: event), "\(text)")
    }

    /// Begins the next second.
    mutating func nextSecond() {
        let more = alerts - Self.alertsPerSecond
        if more > 0 {
            logger.warning("\(more) further alerts in this second; 'lazaret incidents' lists them")
        }
        alerts = 0
    }

    private func isLimited(_ event: Event) -> Bool {
        switch event.payload {
        case .alert: true
        case .quarantine(let change): change.action == .refuse && change.failure == nil
        case .response, .runtime, .stats: false
        }
    }

    private static func level(of event: Event) -> Logger.Level {
        switch event.payload {
        case .alert(let alert):
            // The same as in syslog.
            switch alert.severity {
            case .high: return .critical
            case .medium: return .warning
            case .low: return .notice
            case .informational: return .info
            }
        case .quarantine(let change):
            if change.failure != nil { return .error }
            return change.action == .add || change.action == .protect ? .warning : .notice
        case .response, .runtime, .stats: return .debug
        }
    }
}
