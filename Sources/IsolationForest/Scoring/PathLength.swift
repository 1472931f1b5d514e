/// The two transcendental functions of the score, computed with the four basic operations only, so
/// the result is the same on every machine, independent of its mathematics library.
enum PathLength {
    /// c(n): the mean path length of an unsuccessful search in a binary search tree of n keys.
    ///
    /// c(n) = 2 (ln(n − 1) + γ) − 2 (n − 1) / n for n > 2, c(2) = 1, c(1) = c(0) = 0
    /// (Liu, Ting, Zhou 2012, equation 1).
    static func average(_ count: Int) -> Double {
        guard count > 2 else { return count == 2 ? 1 : 0 }
        let n = Double(count)
        return 2 * (naturalLogarithm(n - 1) + 0.577_215_664_901_532_9) - 2 * (n - 1) / n
    }

    /// c(0), c(1) … c(`sampleSize`).
    static func averages(upTo sampleSize: Int) -> [Float] {
        (0...sampleSize).map { Float(average($0)) }
    }

    /// ln x for finite x > 0, within 1e-15 of the exact value relative to max(1, |ln x|).
    static func naturalLogarithm(_ x: Double) -> Double {
        var exponent = Double(x.exponent)
        var fraction = x.significand
        if fraction > 1.414_213_562_373_095_1 {
            fraction /= 2
            exponent += 1
        }
        // ln f = 2 artanh((f − 1) / (f + 1)), and |argument| is below 0.1716.
        let t = (fraction - 1) / (fraction + 1)
        let square = t * t
        var sum = 0.0
        for k in stride(from: 23.0, through: 1, by: -2) { sum = sum * square + 1 / k }
        return exponent * 0.693_147_180_559_945_3 + 2 * t * sum
    }

    /// 2 to the power −x for 0 ≤ x < 1,000, within a relative error of 1e-9.
    static func powerOfHalf(_ x: Double) -> Double {
        let whole = Int(x + 0.5)
        let y = (Double(whole) - x) * 0.693_147_180_559_945_3
        // The exponential series; |y| is at most 0.3466.
        var sum = 1.0 / 40_320
        sum = sum * y + 1.0 / 5_040
        sum = sum * y + 1.0 / 720
        sum = sum * y + 1.0 / 120
        sum = sum * y + 1.0 / 24
        sum = sum * y + 1.0 / 6
        sum = sum * y + 0.5
        sum = sum * y + 1
        sum = sum * y + 1
        return sum * Double(bitPattern: UInt64(1023 - whole) << 52)
    }
}
