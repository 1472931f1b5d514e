internal import SystemSupport
internal import Timestamps

/// On which run of the machine a ledger's ends were stored, and when that run started by the clock
/// of then. If the clock says otherwise now, it was set meanwhile.
struct ClockNote {
    /// The note's name in the ledger.
    static let name = "clock"

    private var run: String
    private var start: Timestamp

    /// - Parameter start: when the machine started, as the clock has it now.
    init(startedAt start: Timestamp) {
        let identifier = try? readFile("/proc/sys/kernel/random/boot_id")
        run = identifier.map { String(decoding: $0, as: UTF8.self).trimmed } ?? ""
        self.start = start
    }

    /// Reads what `text` has written; nil for what is none.
    init?(_ text: String) {
        let parts = text.split(separator: " ")
        guard parts.count == 2, let start = Int64(parts[1]) else { return nil }
        (run, self.start) = (String(parts[0]), Timestamp(nanoseconds: start))
    }

    var text: String { "\(run) \(start.nanoseconds)" }

    /// How far the clock was set since `earlier`, zero where it was not; nil after a
    /// start of the machine, when time has passed that nobody measured.
    func step(since earlier: ClockNote) -> Interval? {
        guard earlier.run == run, !run.isEmpty else { return nil }
        let step = start - earlier.start
        return step.magnitude >= ClockStepDetector.least ? step : .zero
    }
}
