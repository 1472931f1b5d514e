internal import AnomalyDetection
import AttackPatterns
internal import EventStore
internal import Synchronization
internal import Timestamps

/// The active mutes of a running monitor, as the decision thread uses them.
final class MuteList: Sendable {
    private let mutes = Mutex<[Mute]>([])

    func load(from store: EventStore) {
        if let stored = try? store.mutes(at: Clock.now()) { mutes.withLock { $0 = stored } }
    }

    func add(_ mute: Mute, now: Timestamp) {
        mutes.withLock { mutes in
            mutes.removeAll { $0.until <= now }
            mutes.append(mute)
        }
    }

    func end(_ number: Int64) { mutes.withLock { $0.removeAll { $0.number == number } } }

    /// Whether the alert of a verdict is not to be reported.
    func cover(_ verdict: Verdict, now: Timestamp) -> Bool {
        mutes.withLock { mutes in
            guard !mutes.isEmpty else { return false }
            let address = "\(verdict.subject)"
            return mutes.contains { mute in
                mute.isActive(at: now)
                    && (mute.workload == verdict.workload || mute.workload == address)
                    && (mute.pattern == nil
                        || mute.pattern.flatMap(Pattern.init(named:)) == verdict.pattern)
            }
        }
    }
}
