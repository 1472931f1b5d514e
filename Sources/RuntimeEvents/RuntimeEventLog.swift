internal import Synchronization
public import Timestamps

/// The history of runtime events, shared by the thread that reads them and the one that decides.
public final class RuntimeEventLog: Sendable {
    private struct State: Sendable {
        var history = RuntimeEventHistory()
        var prior: RuntimePrior
    }

    /// How long before an incident its time line begins.
    public static let leadTime = Interval.seconds(600)
    /// An event belongs to a window that ended at most this long before: tools report a moment
    /// later than packets arrive.
    public static let slack = Interval.seconds(60)

    private let state: Mutex<State>

    public init(_ prior: RuntimePrior = RuntimePrior()) { state = Mutex(State(prior: prior)) }

    public var prior: RuntimePrior {
        get { state.withLock { $0.prior } }
        set { state.withLock { $0.prior = newValue } }
    }

    public func add(_ event: RuntimeEvent, of workload: String, from source: String) {
        state.withLock { $0.history.add(event, of: workload, from: source) }
    }

    public func takeReports(at now: Timestamp, limit: Int) -> [RuntimeEventHistory.Report] {
        state.withLock { $0.history.takeReports(at: now, limit: limit) }
    }

    /// Events that found no place.
    public var refused: UInt64 { state.withLock { $0.history.refused } }

    /// The events before and in a window, and the one that makes an alert of it more urgent.
    ///
    /// - Parameters:
    ///   - start: seconds since 1970; the first of the window.
    ///   - end: its last second.
    public func context(
        of workload: String, from start: Int, until end: Int
    ) -> (events: [RuntimeEvent], raising: RuntimeEvent?) {
        let (first, last) = (Timestamp(second: start), Timestamp(second: end + 1))
        return state.withLock { state in
            let events = state.history.events(
                of: workload, from: first - Self.leadTime, until: last + Self.slack)
            let since = last - state.prior.duration
            let raising = events.filter {
                $0.priority.isAtLeast(state.prior.least) && $0.last >= since && $0.time <= last
            }.min { ($0.priority.level, $1.last) < ($1.priority.level, $0.last) }
            return (events, raising)
        }
    }
}
