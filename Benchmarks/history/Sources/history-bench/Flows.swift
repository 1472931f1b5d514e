import FlowHistory
import FlowMetering
import NetworkAddresses
import Timestamps

/// Flows of a made-up node: 200 workloads of 4 replicas each call 40 services and the outside.
///
/// The sizes, lengths and shares are drawn from distributions with long tails; a seed fixes them.
struct Flows {
    private var state: UInt64
    private var time: Timestamp
    private let step: Interval

    static let workloads = 200
    static let first = Timestamp(second: 1_790_000_000)

    /// - Parameters:
    ///   - count: are spread evenly over seven days.
    init(count: Int, seed: UInt64) {
        state = seed
        time = Self.first
        step = .seconds(7 * 86_400) / max(1, count)
    }

    /// The address of a replica.
    static func address(_ workload: Int, _ replica: Int) -> IPAddress {
        IPAddress(v4: 0x0A00_0000 + UInt32(workload) << 8 + UInt32(replica) + 2)
    }

    static func name(of address: IPAddress) -> String? {
        guard address.v4 >> 24 == 10 else { return nil }
        return "workload-\(address.v4 >> 8 & 0xFFFF)"
    }

    private mutating func random() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }

    /// A number below `limit`, small ones more often.
    private mutating func skewed(_ limit: Int) -> Int {
        let share = Double(random() >> 11) / Double(1 << 53)
        return Int(share * share * share * Double(limit))
    }

    mutating func next() -> FlowEntry {
        time += step
        let from = skewed(Self.workloads)
        let isOutside = random() & 15 == 0
        let to = isOutside ? 0 : skewed(40)
        let responder =
            isOutside
            ? IPAddress(v4: 0xC600_0000 + UInt32(truncatingIfNeeded: random() & 0xFFFFF))
            : Self.address(to, Int(random() & 3))
        let isDNS = !isOutside && to == 1
        let packets = 1 + skewed(400)
        let length = Interval.milliseconds(1 + skewed(60_000))
        var entry = FlowEntry(
            from: Self.address(from, Int(random() & 3)), UInt16(32_768 + random() & 0x7FFF),
            to: responder, isDNS ? 53 : isOutside ? 443 : UInt16(5000 + to * 10),
            ipProtocol: isDNS ? 17 : 6, start: time - length, end: time)
        entry.originatorPackets = UInt64(packets)
        entry.responderPackets = UInt64(packets + skewed(20))
        entry.originatorBytes = UInt64(packets) * (60 + random() % 200)
        entry.responderBytes = entry.responderPackets * (60 + random() % 1400)
        entry.state = .sf
        entry.reason = .endOfFlow
        return entry
    }
}
