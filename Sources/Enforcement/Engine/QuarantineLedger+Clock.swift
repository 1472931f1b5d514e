internal import Quarantine
internal import SystemSupport

extension QuarantineLedger {
    /// How far the clock was set since this was last asked, by whatever program, on the same run of
    /// the machine, in nanoseconds; nil where it was not, and after a start of the machine, when time
    /// that nobody measured has passed.
    ///
    /// - Parameter start: when the machine started, as the clock has it now.
    func clockStep(startedAt start: Int64) throws(QuarantineError) -> Int64? {
        let boot =
            (try? readFile("/proc/sys/kernel/random/boot_id")).map {
                String(decoding: $0, as: UTF8.self).trimmed
            } ?? ""
        let noted =
            try exchangeNote("clock", "\(boot) \(start)")?.split(separator: " ").map(String.init)
            ?? []
        guard noted.count == 2, noted[0] == boot, !boot.isEmpty, let before = Int64(noted[1])
        else { return nil }
        let step = start &- before
        return abs(step) >= ClockWatch.least ? step : nil
    }
}
