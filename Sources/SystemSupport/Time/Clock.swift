internal import Glibc

/// The system's clocks.
public enum Clock {
    /// Nanoseconds since 1970.
    public static func now() -> Int64 { read(CLOCK_REALTIME) }

    /// Nanoseconds of the clock that never jumps.
    package static func monotonic() -> Int64 { read(CLOCK_MONOTONIC) }

    /// Nanoseconds since the machine started, suspended time included.
    package static func sinceStart() -> Int64 { read(CLOCK_BOOTTIME) }

    /// Nanoseconds of CPU that this process has used.
    package static func processCPU() -> Int64 { read(CLOCK_PROCESS_CPUTIME_ID) }

    private static func read(_ clock: clockid_t) -> Int64 {
        var time = timespec()
        // SAFETY: the structure is ours.
        unsafe clock_gettime(clock, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
