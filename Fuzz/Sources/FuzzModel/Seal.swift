/// `content` as a model file: the magic line before it, its SHA-256 (FIPS 180-4) behind it.
func sealed(_ content: [UInt8]) -> [UInt8] {
    let bytes = Array("LAZARET MODEL\n".utf8) + content
    return bytes + sha256(bytes)
}

/// The fractions of the cube roots of the first 64 primes, and of the square roots of the first 8.
private let (constants, start): ([UInt32], [UInt32]) = {
    let primes = (2...311).filter { number in (2..<number).allSatisfy { number % $0 != 0 } }
    func fraction(_ prime: Int, _ power: Int) -> UInt32 {
        // The largest root whose power is not above prime * 2^(32 * power), by halving.
        var (low, high) = (UInt64(0), UInt64(1) << 36)
        while high - low > 1 {
            let middle = (low + high) / 2
            if isAbove(middle, power, prime) { high = middle } else { low = middle }
        }
        return UInt32(truncatingIfNeeded: low)
    }
    return (primes.map { fraction($0, 3) }, primes.prefix(8).map { fraction($0, 2) })
}()

/// Whether `root` to the power is above prime * 2^(32 * power).
private func isAbove(_ root: UInt64, _ power: Int, _ prime: Int) -> Bool {
    let value = UInt128(root)
    let square = value * value
    if power == 2 { return square > UInt128(prime) << 64 }
    // root^3 > prime * 2^96, with both sides divided by 2^32 in a way that loses nothing that
    // matters: the roots are irrational.
    return ((square >> 8) * value) >> 24 >= UInt128(prime) << 64
}

private func sha256(_ bytes: [UInt8]) -> [UInt8] {
    var message = bytes + [0x80]
    while message.count % 64 != 56 { message.append(0) }
    message += (0..<8).reversed().map { UInt8(truncatingIfNeeded: (bytes.count * 8) >> ($0 * 8)) }
    var hash = start
    var words = [UInt32](repeating: 0, count: 64)
    func turned(_ word: UInt32, _ count: UInt32) -> UInt32 { word >> count | word << (32 - count) }
    for block in Swift.stride(from: 0, to: message.count, by: 64) {
        for index in 0..<16 {
            words[index] = (0..<4).reduce(0) { $0 << 8 | UInt32(message[block + index * 4 + $1]) }
        }
        for index in 16..<64 {
            let (old, new) = (words[index - 15], words[index - 2])
            words[index] =
                words[index - 16] &+ words[index - 7]
                &+ (turned(old, 7) ^ turned(old, 18) ^ old >> 3)
                &+ (turned(new, 17) ^ turned(new, 19) ^ new >> 10)
        }
        var state = hash
        for index in 0..<64 {
            let (a, e) = (state[0], state[4])
            let choice = (e & state[5]) ^ (~e & state[6])
            let most = (a & state[1]) ^ (a & state[2]) ^ (state[1] & state[2])
            let first =
                state[7] &+ (turned(e, 6) ^ turned(e, 11) ^ turned(e, 25)) &+ choice
                &+ constants[index] &+ words[index]
            let second = (turned(a, 2) ^ turned(a, 13) ^ turned(a, 22)) &+ most
            state[7] = state[6]
            state[6] = state[5]
            state[5] = e
            state[4] = state[3] &+ first
            state[3] = state[2]
            state[2] = state[1]
            state[1] = a
            state[0] = first &+ second
        }
        for index in 0..<8 { hash[index] &+= state[index] }
    }
    return hash.flatMap { word in
        [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: word >> UInt32($0)) }
    }
}
