package import EventStore
import StatusReport
internal import Timestamps

/// What pages show of the past: it is stored once a minute, and read when a monitor starts.
extension MonitorHub {
    /// The most workloads of a minute that are stored, those with the most evidence.
    private static let storedLimit = 200

    /// What has not been stored when a minute ends: two minutes of evidence, since windows end a
    /// little after their packets.
    package func lastMinutes(until second: Int) -> StoredMinutes {
        let minute = second / 60
        return StoredMinutes(
            evidence: (minute - 1...minute).flatMap { minute in
                scores.highest(of: minute, limit: Self.storedLimit).map {
                    StoredMinutes.Evidence(
                        minute: minute, workload: $0.workload, share: Int($0.share))
                }
            },
            rates: rates.filter { $0.second > Int64(second) - 130 }.map {
                StoredMinutes.Rate(
                    second: $0.second, packets: Int64($0.packets.rounded()),
                    bits: Int64($0.bits.rounded()), verdicts: Int64(clamping: $0.verdicts))
            })
    }

    /// Reads what an earlier monitor stored.
    func restoreMinutes(from store: EventStore) {
        let now = Clock.now().second
        let stored = try? store.minutes(
            evidenceSince: now / 60 - ScoreHistory.minutes + 1,
            ratesSince: Int64(now) - RateHistory.seconds, until: Int64(now))
        guard let stored else { return }
        for entry in stored.evidence {
            scores.record(
                entry.workload, share: UInt8(clamping: min(entry.share, 100)),
                minute: entry.minute)
        }
        restore(
            stored.rates.map {
                Rate(
                    second: $0.second, packets: Double($0.packets), bits: Double($0.bits),
                    verdicts: UInt64(clamping: $0.verdicts))
            })
    }
}
