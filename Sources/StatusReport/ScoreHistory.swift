internal import Synchronization

/// The highest evidence of each workload in each minute of the last 24 hours, for the dashboard:
/// half of the scale is the line from which an alert is raised.
///
/// Memory is bounded: 1.5 kB for each of at most `workloadLimit` workloads. Minutes without
/// evidence are 0.
package final class ScoreHistory: Sendable {
    package static let minutes = 1440
    package static let workloadLimit = 5000

    private struct State {
        /// The latest minute of every row, counted since 1970.
        var lastMinute = 0
        /// Ring buffers indexed by minute modulo `minutes`, in hundredths.
        var rows: [String: [UInt8]] = [:]
    }

    private let state = Mutex(State())

    package init() {}

    package func record(_ workload: String, score: Float, second: Int) {
        record(workload, share: UInt8(min(100, max(0, score * 100))), minute: second / 60)
    }

    /// - Parameters:
    ///   - share: in hundredths.
    ///   - minute: since 1970.
    package func record(_ workload: String, share value: UInt8, minute: Int) {
        state.withLock { state in
            Self.advance(&state, to: minute)
            guard state.lastMinute - minute < Self.minutes else { return }
            let slot = minute % Self.minutes
            if var row = state.rows.removeValue(forKey: workload) {
                row[slot] = max(row[slot], value)
                state.rows[workload] = row
            } else if state.rows.count < Self.workloadLimit {
                var row = [UInt8](repeating: 0, count: Self.minutes)
                row[slot] = value
                state.rows[workload] = row
            }
        }
    }

    /// The workloads with the most evidence in a minute, those first.
    package func highest(of minute: Int, limit: Int) -> [(workload: String, share: UInt8)] {
        let all: [(workload: String, share: UInt8)] = state.withLock { state in
            guard (0..<Self.minutes).contains(state.lastMinute - minute) else { return [] }
            return state.rows.map { (workload: $0.key, share: $0.value[minute % Self.minutes]) }
        }
        return Array(
            all.filter { $0.share > 0 }
                .sorted { ($1.share, $0.workload) < ($0.share, $1.workload) }.prefix(limit))
    }

    /// Clears the minutes that are 24 hours old, and removes workloads without a score since.
    private static func advance(_ state: inout State, to minute: Int) {
        guard minute > state.lastMinute else { return }
        let steps = min(minute - state.lastMinute, minutes)
        for workload in state.rows.keys {
            guard var row = state.rows[workload] else { continue }
            state.rows[workload] = nil
            for step in 0..<steps { row[(minute - step) % minutes] = 0 }
            if row.contains(where: { $0 > 0 }) { state.rows[workload] = row }
        }
        state.lastMinute = minute
    }

    /// The last `count` minutes of each workload that had a score in them, oldest first, ordered by
    /// name.
    package func rows(
        of count: Int, until second: Int
    ) -> [(workload: String, scores: [UInt8])] {
        let minute = second / 60
        return state.withLock { state in
            Self.advance(&state, to: minute)
            let first = minute - min(count, Self.minutes) + 1
            return state.rows.map { workload, row in
                (workload, (first...minute).map { row[$0 % Self.minutes] })
            }.filter { $0.1.contains { $0 > 0 } }.sorted { $0.0 < $1.0 }
        }
    }
}
