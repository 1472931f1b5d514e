internal import Glibc

/// The system's clocks.
public enum Clock {
    /// The time of day. It jumps when the clock is set, so timers use `monotonic`.
    public static func now() -> Timestamp { Timestamp(nanoseconds: read(CLOCK_REALTIME)) }

    /// The monotonic clock, which never jumps.
    package static func monotonic() -> Instant { Instant(nanoseconds: read(CLOCK_MONOTONIC)) }

    /// The time since the machine started, including suspended time.
    package static func sinceStart() -> Interval { Interval(nanoseconds: read(CLOCK_BOOTTIME)) }

    /// The CPU time that this process has used.
    package static func processCPU() -> Interval {
        Interval(nanoseconds: read(CLOCK_PROCESS_CPUTIME_ID))
    }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // SAFETY: the structure is a local variable.
        unsafe clock_gettime(clock, &time)
        return Timestamp(second: time.tv_sec, nanoseconds: Int64(time.tv_nsec)).nanoseconds
    }
}
