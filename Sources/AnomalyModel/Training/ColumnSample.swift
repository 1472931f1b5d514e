import FeatureExtraction

/// The values of one column in some rows, for their order statistics.
///
/// Most values are 0 and none is negative, so only the others are kept, and only as many of them
/// are put in order as a rank needs.
struct ColumnSample {
    /// The values other than 0, in no order.
    private var values: [Float] = []
    private var count = 0
    /// The values before this index are the smallest ones.
    private var settled = 0
    private var hasNegative = false

    /// The greatest number of values that are sorted at once.
    private static let fewest = 24

    mutating func removeAll() {
        values.removeAll(keepingCapacity: true)
        (count, settled, hasNegative) = (0, 0, false)
    }

    /// Adds a value before the first rank is asked for.
    @inline(__always)
    mutating func add(_ value: Float) {
        count += 1
        guard value.bitPattern != 0 else { return }
        values.append(value)
        hasNegative = hasNegative || value.sign == .minus
    }

    /// The value at an index of the sorted values; later calls have the same or a greater index.
    mutating func value(at index: Int) -> Float {
        // Negative values come before 0.
        if hasNegative, settled == 0 {
            values += [Float](repeating: 0, count: count - values.count)
            values.sort()
            settled = values.count
        }
        let zeros = count - values.count
        guard index >= zeros else { return 0 }
        let place = index - zeros
        if place >= settled { settle(place) }
        return values[place]
    }

    /// The largest value.
    mutating func largest() -> Float { value(at: count - 1) }

    /// Puts the value of a rank in its place, and the smaller ones before it (Hoare's selection).
    private mutating func settle(_ place: Int) {
        var (low, high) = (settled, values.count)
        // Values can be chosen so that every pivot is a bad one; then they are sorted.
        var attempts = 2 * (Int.bitWidth - values.count.leadingZeroBitCount)
        while high - low > Self.fewest, attempts > 0 {
            attempts -= 1
            let pivot = pivot(low, high)
            var (left, right) = (low, high - 1)
            while left <= right {
                while values[left] < pivot { left += 1 }
                while values[right] > pivot { right -= 1 }
                guard left <= right else { break }
                values.swapAt(left, right)
                left += 1
                right -= 1
            }
            if place <= right {
                high = right + 1
            } else if place >= left {
                low = left
            } else {
                settled = place + 1
                return
            }
        }
        if high - low > Self.fewest {
            values[low..<high].sort()
        } else {
            for index in low + 1..<max(high, low + 1) {
                var at = index
                while at > low, values[at - 1] > values[at] {
                    values.swapAt(at - 1, at)
                    at -= 1
                }
            }
        }
        settled = high
    }

    /// The median of three values.
    private func pivot(_ low: Int, _ high: Int) -> Float {
        let (a, b, c) = (values[low], values[(low + high) / 2], values[high - 1])
        return max(min(a, b), min(max(a, b), c))
    }
}
