/// SplitMix64 (Steele, Lea, Flood 2014): the same numbers on every machine.
struct SeededGenerator {
    private var state: UInt64

    /// The generator of stream `stream` of `seed`.
    ///
    /// Both are hashed, so streams of neighbouring seeds are independent: with `seed + stream`, the
    /// forests of two neighbouring seeds would have all trees except one in common.
    init(seed: UInt64, stream: UInt64) {
        state = Self.mix(
            Self.mix(seed &+ 0x9E37_79B9_7F4A_7C15) ^ (stream &* 0xD1B5_4A32_D192_ED03))
    }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        return Self.mix(state)
    }

    /// An integer in `0..<bound`, by multiplication (Lemire 2019); the bias is below 2⁻³².
    mutating func below(_ bound: Int) -> Int {
        Int(truncatingIfNeeded: next().multipliedFullWidth(by: UInt64(bound)).high)
    }

    /// A multiple of 2⁻²⁴ in `0..<1`.
    mutating func unit() -> Float {
        Float(next() >> 40) * 0x1p-24
    }

    private static func mix(_ value: UInt64) -> UInt64 {
        var z = value
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
