import TestKit
import Testing

@testable import FeatureExtraction

struct DistinctWindowTests {
    private func counts(
        _ window: inout DistinctWindow, _ scale: Scale, _ second: Int
    ) -> (all: Float, novel: Float) {
        (window.count(scale, at: second), window.count(scale, at: second, novel: true))
    }

    /// Compares every scale with a plain dictionary, for random keys and pauses.
    @Test(arguments: [1, 2, 3] as [UInt64], [3, 10, 13, 30, 300] as [UInt64])
    func countsEqualAPlainCount(seed: UInt64, keys: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var window = DistinctWindow()
        var lastSeen: [UInt64: Int] = [:]
        var second = 1000
        for _ in 0..<600 {
            if Int.random(in: 0..<4, using: &generator) == 0 {
                second += Int.random(in: 1..<40, using: &generator)
            }
            let key = UInt64.random(in: 0..<keys, using: &generator) << 1
            window.insert(key, second: second, isNovel: key % 3 == 0)
            lastSeen[key] = second
            for scale in Scale.allCases {
                // The window consists of whole buckets.
                let oldest =
                    (second / scale.bucketSeconds - scale.bucketCount + 1) * scale.bucketSeconds
                let live = lastSeen.filter { $0.value >= oldest }
                let (all, novel) = counts(&window, scale, second)
                #expect(all == Float(live.count))
                #expect(novel == Float(live.count { $0.key % 3 == 0 }))
            }
        }
    }

    @Test func aKeyIsFoundForTenMinutes() {
        var window = DistinctWindow()
        #expect(!window.contains(8, at: 1000))
        for key in 1...UInt64(300) { window.insert(key << 3, second: 1000, isNovel: false) }
        #expect(window.contains(8, at: 1599) && !window.contains(8, at: 1600))
        #expect(!window.contains(301 << 3, at: 1000))
        // What a sketch has cannot be told from other keys.
        for key in 1...UInt64(3000) { window.insert(key << 3, second: 1001, isNovel: false) }
        #expect(!window.contains(8, at: 1001))
    }

    /// 1,024 keys of ten minutes, whatever older keys the table has.
    @Test func aThousandKeysAreCountedExactly() {
        var window = DistinctWindow()
        for key in 0..<500 as Range<UInt64> {
            window.insert(key << 1, second: 10, isNovel: false)
        }
        for key in 1000..<2024 as Range<UInt64> {
            window.insert(key << 1, second: 700, isNovel: key % 2 == 0)
            #expect(window.count(.short, at: 700) == Float(key - 999))
        }
        #expect(counts(&window, .long, 700) == (1024, 512))
        #expect(!window.isEstimated)
        for key in 3000..<5000 as Range<UInt64> {
            window.insert(key << 1, second: 701, isNovel: false)
        }
        let estimate = window.count(.short, at: 701)
        #expect(window.isEstimated && estimate == estimate.rounded())
        #expect(abs(estimate - 3024) < 100, "\(estimate)")
    }

    @Test func aMillionKeysNeedFixedMemoryAndAreEstimated() {
        var window = DistinctWindow()
        for key in 0..<20_000 as Range<UInt64> {
            window.insert(key << 1, second: 50, isNovel: false)
        }
        let count = window.count(.short, at: 50)
        #expect(abs(count - 20_000) < 2000, "\(count)")
        for key in 0..<200_000 as Range<UInt64> {
            window.insert(key << 1, second: 51, isNovel: true)
        }
        let many = counts(&window, .short, 51)
        #expect(many.all > 30_000)
        let later = counts(&window, .short, 70)
        #expect(later.all == 0)
        #expect(MemoryLayout<DistinctWindow>.size < 64)
    }

    @Test func oldKeysAreForgotten() {
        var window = DistinctWindow()
        window.insert(2, second: 100, isNovel: true)
        let expected: [(Scale, second: Int, count: Float)] = [
            (.short, 109, 1), (.short, 110, 0), (.medium, 155, 1), (.medium, 160, 0),
            (.long, 600, 1), (.long, 720, 0),
        ]
        for (scale, second, count) in expected {
            let found = counts(&window, scale, second)
            #expect(found.all == count && found.novel == count)
        }
    }
}
