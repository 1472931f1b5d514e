/// A hash for small keys of fixed size, several times faster than the standard library's.
///
/// Senders of packets choose many of these keys. The hash therefore depends on numbers that are
/// random for each process: who does not know them cannot choose keys that collide in a table.
@frozen
public enum KeyedHash {
    @usableFromInline
    static let keys: (UInt64, UInt64, UInt64) = {
        var generator = SystemRandomNumberGenerator()
        return (generator.next(), generator.next() | 1, generator.next() | 1)
    }()

    /// The hash of 128 bits, for `Hashable._rawHashValue(seed:)`.
    @inlinable
    public static func hash(_ high: UInt64, _ low: UInt64, seed: Int) -> Int {
        let keys = keys
        let first = folded(low ^ keys.0, high ^ keys.1)
        return Int(
            truncatingIfNeeded: folded(first ^ UInt64(truncatingIfNeeded: seed), keys.2))
    }

    /// Both halves of a product, combined.
    @inlinable
    @inline(__always)
    static func folded(_ left: UInt64, _ right: UInt64) -> UInt64 {
        let product = left.multipliedFullWidth(by: right)
        return product.high ^ product.low
    }
}
