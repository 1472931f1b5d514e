import NetworkAddresses
import TestKit
import Testing

@testable import Quarantine

struct RuleIndexTests {
    private func randomKey(_ random: inout SeededGenerator) -> QuarantineRule.Key {
        let bits = UInt32.random(in: 0...63, using: &random)
        let target: QuarantineTarget =
            switch Int.random(in: 0...6, using: &random) {
            case 0: .link(MACAddress(UInt64(bits)))
            case 1: .prefix(IPPrefix(host: IPAddress(v4: bits)))
            case 2: .prefix(IPPrefix(host: IPAddress(high: 0xFD00 << 48, low: UInt64(bits))))
            case 3...4:
                .prefix(
                    IPPrefix(
                        IPAddress(v4: bits), length: Int.random(in: 24...31, using: &random)))
            default:
                .prefix(
                    IPPrefix(
                        IPAddress(high: 0xFD00 << 48, low: UInt64(bits)),
                        length: Int.random(in: 120...127, using: &random)))
            }
        return QuarantineRule.Key(
            target: target, action: Bool.random(using: &random) ? .drop : .observe)
    }

    /// The expected result of the index, by a linear search.
    private func meets(_ left: QuarantineRule.Key, _ right: QuarantineRule.Key, covering: Bool)
        -> Bool
    {
        guard let outer = left.target.prefix, let inner = right.target.prefix else {
            return left.target == right.target
        }
        guard left.action == right.action, outer.isHost == inner.isHost else { return false }
        return covering ? outer.contains(inner) : outer.overlaps(inner)
    }

    @Test(arguments: [1, 2, 3] as [UInt64])
    func theIndexFindsTheSameEntriesAsALinearSearch(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        for _ in 0..<300 {
            var keys: [QuarantineRule.Key] = []
            for _ in 0..<Int.random(in: 0...12, using: &random) {
                let key = randomKey(&random)
                if !keys.contains(where: { $0.target == key.target }) { keys.append(key) }
            }
            let bulk = keys.count / 2
            var index = RuleIndex(keys[..<bulk].map { ($0, $0) })
            for key in keys[bulk...] { index.insert(key, key) }
            for _ in 0..<20 {
                let asked = randomKey(&random)
                #expect(
                    index.overlaps(asked)
                        == keys.contains { meets(asked, $0, covering: false) },
                    "seed \(seed): \(asked) in \(keys)")
                #expect(
                    Set(index.covered(by: asked))
                        == Set(keys.filter { meets(asked, $0, covering: true) }),
                    "seed \(seed): \(asked) in \(keys)")
            }
        }
    }
}
