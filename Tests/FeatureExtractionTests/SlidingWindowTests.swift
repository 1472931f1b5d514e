import FlowMetering
import NetworkAddresses
import PacketDecoding
import TestKit
import Testing
import Timestamps
import Workloads

@testable import FeatureExtraction

/// Windows of hosts that are silent for a while, compared with sums over all of their packets.
struct SlidingWindowTests {
    private static let gaps = [0, 0, 0, 1, 1, 2, 4, 7, 29, 31, 90, 400, 640]

    /// The traffic of one host: flows and octets by second.
    private typealias Traffic = [Int: (flows: Int, octets: Int)]

    private struct Key: Hashable {
        var host: IPAddress
        var scale: Scale
        var end: Int
    }

    @Test(arguments: 0..<8)
    func everyWindowHasTheSumsOfItsSeconds(seed: UInt64) {
        var generator = SeededGenerator(seed: seed)
        var tracker = WindowTracker(inventory: .empty, graph: nil, mode: .withoutBaseline)
        var sent: [IPAddress: Traffic] = [:]
        var windows: [Window] = []
        var second = 1_000_000 + Int.random(in: 0..<600, using: &generator)
        for _ in 0..<500 {
            var packet = Packet()
            packet.kind = .ip
            packet.ipVersion = 4
            packet.ipProtocol = 6
            packet.source = IPAddress(v4: 0x0A00_0010 + .random(in: 0..<3, using: &generator))
            packet.destination = IPAddress(v4: 0x0A00_0002)
            packet.sourcePort = .random(in: 40_000..<60_000, using: &generator)
            packet.destinationPort = 80
            packet.ipLength = .random(in: 40..<1500, using: &generator)
            packet.time = Timestamp(second: second)
            tracker.advance(to: packet.time)
            while tracker.nextWindow() { windows.append(tracker.window) }
            var update = FlowUpdate()
            update.events = [.started, .fromOriginator]
            _ = tracker.observe(packet, update)
            sent[packet.source, default: [:]][second, default: (0, 0)].flows += 1
            sent[packet.source, default: [:]][second, default: (0, 0)].octets +=
                Int(packet.ipLength)
            second += Self.gaps.randomElement(using: &generator) ?? 0
        }
        // The last packet's second is the last that ends.
        let last = sent.values.flatMap(\.keys).max() ?? 0
        tracker.finish()
        while tracker.nextWindow() { windows.append(tracker.window) }

        var expected: Set<Key> = []
        for (host, traffic) in sent {
            for scale in Scale.allCases {
                for second in traffic.keys where scale.bucketEnd(second) <= last {
                    expected.insert(Key(host: host, scale: scale, end: scale.bucketEnd(second)))
                }
            }
        }
        let seen = windows.map { Key(host: $0.subject, scale: $0.scale, end: $0.endSecond) }
        #expect(seen.count == Set(seen).count && Set(seen) == expected)
        for window in windows {
            let seconds = window.startSecond...window.endSecond
            let traffic = (sent[window.subject] ?? [:]).filter { seconds.contains($0.key) }.values
            #expect(window[.flows] == Float(traffic.reduce(0) { $0 + $1.flows }))
            #expect(window[.bytesOut] == Float(traffic.reduce(0) { $0 + $1.octets }))
        }
    }

    @Test(arguments: 0..<8)
    func secondsWithoutUnsolicitedPacketsNeedNoCall(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        var (every, some) = (UnsolicitedWindow(), UnsolicitedWindow())
        var last = 999
        for second in 1_000..<4_000 {
            let isNoted = Int.random(in: 0..<20, using: &generator) == 0
            if isNoted {
                let kind = try #require(UnsolicitedKind.allCases.randomElement(using: &generator))
                var target = Contact()
                target.second = second
                every.note(kind, to: target)
                some.note(kind, to: target)
                some.expire(after: last, through: second)
                some.roll(second)
                last = second
            }
            every.expire(after: second - 1, through: second)
            every.roll(second)
            guard second % 97 == 0 || isNoted else { continue }
            some.expire(after: last, through: second)
            last = second
            for scale in Scale.allCases { #expect(every.counts(scale) == some.counts(scale)) }
        }
    }

    @Test func aRingHasTheBucketsInUse() {
        var generator = SeededGenerator(seed: 3)
        var ring = BucketRing()
        var expected: [Int: Counters] = [:]
        for _ in 0..<20_000 {
            let index = Int.random(in: 0..<Scale.ringSize, using: &generator)
            if Bool.random(using: &generator) {
                var counters = Counters(repeating: 0)
                counters[.flows] = .random(in: 0..<9, using: &generator)
                counters[.activity] = 1
                ring.add(counters, to: index)
                expected[index, default: Counters(repeating: 0)] &+= counters
            } else {
                ring.remove(index)
                expected[index] = nil
            }
            #expect(ring.count == expected.count && ring[index] == expected[index])
            let scale = Scale.allCases.randomElement(using: &generator)!
            let buckets = scale.ringOffset..<scale.ringOffset + scale.bucketCount
            let sum = buckets.reduce(into: Counters(repeating: 0)) {
                $0 &+= expected[$1] ?? Counters(repeating: 0)
            }
            #expect(ring.sum(scale) == sum)
        }
        for index in 0..<Scale.ringSize { #expect(ring[index] == expected[index]) }
    }
}
