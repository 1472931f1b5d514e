internal import Glibc

/// The system's clocks.
public enum Clock {
    /// The time of day. It jumps when somebody sets it: timers use `monotonic`.
    public static func now() -> Timestamp { Timestamp(nanoseconds: read(CLOCK_REALTIME)) }

    /// The clock that never jumps.
    package static func monotonic() -> Instant { Instant(nanoseconds: read(CLOCK_MONOTONIC)) }

    /// Since the machine started, suspended time included.
    package static func sinceStart() -> Interval { Interval(nanoseconds: read(CLOCK_BOOTTIME)) }

    /// The CPU time that this process has used.
    package static func processCPU() -> Interval {
        Interval(nanoseconds: read(CLOCK_PROCESS_CPUTIME_ID))
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // SAFETY: the structure is ours.
        unsafe clock_gettime(clock, &time)
        return Timestamp(second: time.tv_sec, nanoseconds: Int64(time.tv_nsec)).nanoseconds
    }
}
