import TestKit
import Testing

@testable import FeatureExtraction

struct DistinctWindowTests {
    /// Every scale against a plain dictionary, over random keys and pauses.
    @Test(arguments: [1, 2, 3] as [UInt64])
    func countsEqualAPlainCount(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var window = DistinctWindow()
        var lastSeen: [UInt64: Int] = [:]
        var second = 1000
        for _ in 0..<4000 {
            if Int.random(in: 0..<4, using: &generator) == 0 {
                second += Int.random(in: 1..<40, using: &generator)
            }
            let key = UInt64.random(in: 0..<300, using: &generator) << 1
            window.insert(key, second: second, isNovel: key % 3 == 0)
            lastSeen[key] = second
            for scale in Scale.allCases {
                // The window holds whole buckets.
                let oldest = (second / scale.bucketSeconds - scale.bucketCount + 1) * scale.bucketSeconds
                let live = lastSeen.filter { $0.value >= oldest }
                #expect(window.count(scale, at: second) == Float(live.count))
                #expect(
                    window.count(scale, at: second, novel: true)
                        == Float(live.count { $0.key % 3 == 0 }))
            }
        }
    }

    @Test func aMillionKeysCostAFixedAmountAndAreCountedRoughly() {
        var window = DistinctWindow()
        for key in 0..<20_000 as Range<UInt64> {
            window.insert(key << 1, second: 50, isNovel: false)
        }
        let count = window.count(.short, at: 50)
        #expect(abs(count - 20_000) < 2000, "\(count)")
        for key in 0..<1_000_000 as Range<UInt64> {
            window.insert(key << 1, second: 51, isNovel: true)
        }
        #expect(window.count(.short, at: 51) > 30_000)
        #expect(window.count(.short, at: 70) == 0)
        #expect(MemoryLayout<DistinctWindow>.size < 64)
    }

    @Test func whatIsOldIsForgotten() {
        var window = DistinctWindow()
        window.insert(2, second: 100, isNovel: true)
        #expect(window.count(.short, at: 109) == 1)
        #expect(window.count(.short, at: 110) == 0)
        #expect(window.count(.medium, at: 155) == 1)
        #expect(window.count(.medium, at: 160) == 0)
        #expect(window.count(.long, at: 600) == 1)
        #expect(window.count(.long, at: 720) == 0)
    }
}
