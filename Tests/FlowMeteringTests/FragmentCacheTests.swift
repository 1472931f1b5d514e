import Testing
import Timestamps

@testable import FlowMetering

/// Ports of first fragments, for the fragments that come later.
struct FragmentCacheTests {
    private let start = Timestamp(second: 1_700_000_000)

    private func remember(
        _ identity: UInt64, port: UInt16, at time: Timestamp, in cache: inout FragmentCache
    ) {
        cache.remember(
            identity, time: time, sourcePort: port, destinationPort: 53, ipProtocol: 17)
    }

    @Test func portsAreFoundForAMinuteAndNoLonger() {
        var cache = FragmentCache(capacity: 64)
        #expect(cache.find(7, time: start) == nil)
        remember(7, port: 4000, at: start, in: &cache)
        let found = cache.find(7, time: start + .seconds(60))
        #expect(found?.sourcePort == 4000 && found?.destinationPort == 53)
        #expect(found?.ipProtocol == 17)
        #expect(cache.find(7, time: start + .seconds(60) + .nanoseconds(1)) == nil)
        #expect(cache.find(8, time: start) == nil)
    }

    @Test func aRepeatedIdentityReplacesItself() {
        var cache = FragmentCache(capacity: 64)
        for port in UInt16(1)...3 {
            remember(7, port: port, at: start + .seconds(Int(port)), in: &cache)
        }
        #expect(cache.find(7, time: start + .seconds(4))?.sourcePort == 3)
        // It took one of two places: another packet of the same bucket still fits.
        remember(7 + 64, port: 9, at: start + .seconds(4), in: &cache)
        #expect(cache.find(7, time: start + .seconds(5))?.sourcePort == 3)
        #expect(cache.find(7 + 64, time: start + .seconds(5))?.sourcePort == 9)
    }

    @Test func theOlderOfTwoGivesWay() {
        var cache = FragmentCache(capacity: 64)
        for (number, identity) in [UInt64(1), 65, 129].enumerated() {
            remember(
                identity, port: UInt16(number), at: start + .seconds(number), in: &cache)
        }
        let found = [UInt64(1), 65, 129].map { cache.find($0, time: start + .seconds(3)) != nil }
        #expect(found == [false, true, true])
    }

    @Test func everyCapacityHoldsSomething() {
        for capacity in [-1, 0, 1, 3, 1000] {
            var cache = FragmentCache(capacity: capacity)
            for identity in UInt64(0)..<100 {
                remember(identity &* 0x9E37_79B9, port: 1, at: start, in: &cache)
            }
            #expect(cache.find(99 &* 0x9E37_79B9, time: start) != nil, "\(capacity)")
        }
    }
}
