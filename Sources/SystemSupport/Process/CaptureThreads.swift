import Glibc

/// How many threads work on captures: one reads and meters packets, one counts them in windows, one
/// judges the windows.
public enum CaptureThreads {
    /// The numbers that can be chosen.
    public static let range = 1...3

    /// All of them where there is more than one core.
    public static let usual = sysconf(Int32(_SC_NPROCESSORS_ONLN)) > 1 ? range.upperBound : 1
}
