/// Nanoseconds since 1970 reach from 1677 to 2262; what files and other programs say may lie beyond.
///
/// Where a time comes from outside, these stop at the nearest one that can be told instead of the program.
extension Int64 {
    package func multipliedClamping(by factor: Int64) -> Int64 {
        let (product, isOver) = multipliedReportingOverflow(by: factor)
        guard isOver else { return product }
        return (self < 0) == (factor < 0) ? .max : .min
    }

    package func addingClamping(_ other: Int64) -> Int64 {
        let (sum, isOver) = addingReportingOverflow(other)
        guard isOver else { return sum }
        return other > 0 ? .max : .min
    }

    /// Nanoseconds of that many seconds; those that are no number are none.
    package init(clampingSeconds seconds: Double) {
        self =
            seconds.isNaN
            ? 0
            : Int64(Swift.min(Swift.max(seconds, -1e18), 1e18)).multipliedClamping(
                by: 1_000_000_000)
    }
}
