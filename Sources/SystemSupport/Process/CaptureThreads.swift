import Glibc

/// How many threads work on captures: one reads and meters packets, one counts them in windows, one
/// judges the windows. A model is fitted on all of them, but on no more than there are cores.
public enum CaptureThreads {
    /// The numbers that can be chosen.
    public static let range = 1...3

    /// All of them where there is more than one core.
    public static let usual = coreCount > 1 ? range.upperBound : 1

    private static let coreCount = sysconf(Int32(_SC_NPROCESSORS_ONLN))

    /// The number of threads that fit a model or score windows, where so many may: no more than
    /// there are cores.
    public static func fitting(_ threads: Int) -> Int { max(1, min(threads, coreCount)) }
}
