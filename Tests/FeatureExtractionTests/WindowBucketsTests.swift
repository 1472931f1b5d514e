import FlowMetering
import NetworkAddresses
import PacketDecoding
import Testing
import Timestamps
import Workloads

@testable import FeatureExtraction

/// What was counted in each bucket of a window.
struct WindowBucketsTests {
    @Test func theNewestBucketWithItsShareIsFound() {
        // Ten times the least amount in the oldest bucket, and a trickle since.
        #expect([1, 1, 1, 1000].newestShare(times: 10) == 3)
        // The later buckets have the least amount together: they would be reported by themselves.
        #expect([40, 40, 40, 1000].newestShare(times: 10) == 0)
        #expect([20, 25, 60, 1000].newestShare(times: 10) == 2)
        // Spread evenly, the newest counts, however little the whole is above the least amount.
        #expect([5, 5, 5, 5].newestShare(times: 1) == 0)
        #expect([5, 5, 5, 5].newestShare(times: 0.5) == 0)
        #expect([0, 0, 1, 5].newestShare(times: .infinity) == 2)
        #expect([Double]().newestShare(times: 1) == nil && [0.0, 0].newestShare(times: 1) == nil)
    }

    /// Whatever the amounts are, buckets after the one that is found have less than the least
    /// amount together.
    @Test(arguments: 0..<200) func whatFollowsWouldNotBeReported(seed: Int) throws {
        var amounts: [Double] = []
        var value = UInt64(seed) &+ 1
        for _ in 0..<20 {
            value = value &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            amounts.append(Double(value >> 33 & 0x3FF))
        }
        let times = Double(1 + seed % 7)
        let found = try #require(amounts.newestShare(times: times))
        let later = amounts.prefix(found).reduce(0, +)
        #expect(later < amounts.reduce(0, +) / times)
    }

    /// In a table without buckets, one with them, and a sketch.
    @Test(arguments: [3, 200, 1400], Scale.allCases)
    func distinctKeysAreInTheBucketOfTheirLastUse(keys: Int, scale: Scale) {
        var window = DistinctWindow()
        let start = 1_200_000
        for key in 0..<keys { window.insert(UInt64(key) << 20, second: start, isNovel: false) }
        let later = start + (scale.bucketCount - 1) * scale.bucketSeconds
        window.insert(0, second: later, isNovel: false)
        let buckets = window.buckets(scale, at: later)
        #expect(buckets.count == scale.bucketCount && buckets.first == 1)
        #expect(buckets.dropFirst().dropLast().allSatisfy { $0 == 0 })
        // Two keys of a sketch may share a slot.
        #expect((buckets.last ?? 0) <= keys - 1 && (buckets.last ?? 0) > (keys - 1) * 3 / 4)
    }

    @Test(arguments: Scale.allCases) func bucketsOfAWindowAddUpToIt(scale: Scale) throws {
        var tracker = WindowTracker(inventory: .empty, graph: nil, mode: .monitoring)
        var last: Window?
        func take() {
            while tracker.nextWindow() {
                if tracker.window.scale == scale { last = tracker.window }
            }
        }
        // A burst, and one flow every ten seconds after it.
        let start = 1_200_000
        let seconds =
            (0..<8).flatMap { Array(repeating: start + $0, count: 50) }
            + (1...60).map { start + 10 * $0 - 1 }
        for second in seconds {
            var packet = Packet()
            packet.kind = .ip
            packet.ipVersion = 4
            packet.ipProtocol = 6
            packet.source = IPAddress(v4: 0x0A00_0010)
            packet.destination = IPAddress(v4: 0x0A00_0002)
            packet.sourcePort = 40_000
            packet.destinationPort = 80
            packet.ipLength = 100
            packet.time = Timestamp(second: second)
            tracker.advance(to: packet.time)
            take()
            var update = FlowUpdate()
            update.events = [.started, .fromOriginator]
            _ = tracker.observe(packet, update)
        }
        tracker.finish()
        take()
        let window = try #require(last)
        let flows = window.buckets.amounts(.flows)
        #expect(flows.count == scale.bucketCount)
        #expect(Float(flows.reduce(0, +)) == window[.flows])
        let octets = window.buckets.amounts(.bytesOut).reduce(0, +)
        #expect(Float(octets) == window[.bytesOut])
        if scale == .long {
            // The burst is in the oldest bucket, and nothing after it counts.
            #expect(flows.last == 403 && flows.newestShare(times: 5) == scale.bucketCount - 1)
        }
    }
}
