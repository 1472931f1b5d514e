internal import SystemSupport
internal import Timestamps

/// Records the boot during which a ledger's expiries were stored, and when that boot started by the
/// clock of that time. A different start time for the same boot shows that the clock has been set.
struct ClockNote {
    /// The note's name in the ledger.
    static let name = "clock"

    private var run: String
    private var start: Timestamp

    /// - Parameter start: when the machine started, by the current clock.
    init(startedAt start: Timestamp) {
        let identifier = try? Files.read("/proc/sys/kernel/random/boot_id")
        run = identifier.map { String(decoding: $0, as: UTF8.self).trimmed } ?? ""
        self.start = start
    }

    /// Parses `text`; nil if it is not a clock note.
    init?(_ text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let start = Int64(parts[1]) else { return nil }
        (run, self.start) = (String(parts[0]), Timestamp(nanoseconds: start))
    }

    var text: String { "\(run) \(start.nanoseconds)" }

    /// How far the clock was set since `earlier`, zero if it was not; nil after a reboot, when the
    /// time that has passed is unknown.
    func step(since earlier: ClockNote) -> Interval? {
        guard earlier.run == run, !run.isEmpty else { return nil }
        let step = start - earlier.start
        return step.magnitude >= ClockStepDetector.least ? step : .zero
    }
}
