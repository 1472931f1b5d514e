internal import NetworkAddresses
public import PacketDecoding
public import Timestamps

/// Counts packets to bidirectional flows. Its only clock is the packets' time.
///
/// A packet needs one look-up and no allocation. Flows end when they are idle, when their
/// connection is closed, when the table is full, or at `finish`; long flows are reported in
/// intervals.
@safe
public struct FlowMeter: ~Copyable {
    public let options: FlowMeterOptions
    /// The counters so far.
    public var statistics: FlowMeterStatistics {
        var all = counters
        all.activeFlows = UInt64(table.count)
        return all
    }

    var counters = FlowMeterStatistics()
    var table: FlowTable
    var wheel: TimerWheel
    var fragments: FragmentCache
    var wrappings: [Wrapping] = []
    var freeWrapping: Int32 = -1
    /// The latest packet time.
    var clock = Timestamp.distantPast
    let idle: Interval
    let active: Interval
    let close: Interval
    let seed: UInt64
    /// The queue of ended flows for `drain`, first in, first out.
    var endedHead: Int32 = -1
    var endedTail: Int32 = -1
    var endedCount = 0

    /// The number of slots above the capacity, for records that are queued for `drain`.
    private static let reserve = 4096

    public init(options: FlowMeterOptions = FlowMeterOptions()) {
        self.options = options
        table = FlowTable(capacity: max(1, options.capacity) + Self.reserve)
        idle = Self.bounded(options.idleTimeout)
        active = Self.bounded(options.activeTimeout)
        close = min(Self.bounded(options.tcpCloseTimeout), idle)
        wheel = TimerWheel(longest: idle)
        fragments = FragmentCache(capacity: options.fragmentCapacity)
        seed = options.hashSeed
    }

    /// Limits a timeout to between a millisecond and about 100 years.
    private static func bounded(_ timeout: Interval) -> Interval {
        min(max(timeout, .milliseconds(1)), .seconds(3_000_000_000))
    }

    // MARK: packets

    /// Computes the hashes of packets before they are observed, and prefetches the index entries of
    /// their flows. If `prefetch` and other work run between this and `observe`, memory accesses
    /// overlap; the results are the same without.
    public mutating func prepare(_ packets: inout MutableSpan<Packet>, _ range: Range<Int>) {
        for position in range where packets[position].kind == .ip {
            let key = CanonicalKey(&packets[position])
            let hash = key.hash(seed: seed)
            packets[position].flowHash = hash
            packets[position].isFromHigh = key.isSwapped
            table.prefetchIndex(hash)
        }
    }

    /// Prefetches the flows of prepared packets.
    public mutating func prefetch(_ packets: inout MutableSpan<Packet>, _ range: Range<Int>) {
        for position in range where packets[position].flowHash != 0 {
            packets[position].flowHint = table.prefetchSlot(
                packets[position].flowHash, fromHigh: packets[position].isFromHigh)
        }
    }

    /// Counts a packet in its flow and returns its effect.
    ///
    /// ARP, packets without IP, and later fragments without their first belong to no flow; `flow`
    /// is then -1. A later fragment gets the ports of its flow.
    @inline(__always)
    public mutating func observe(_ packet: inout Packet) -> FlowUpdate {
        var update = FlowUpdate()
        observe(&packet, &update)
        return update
    }

    /// The same; overwrites `update`.
    public mutating func observe(_ packet: inout Packet, _ update: inout FlowUpdate) {
        update = FlowUpdate()
        let time = packet.time
        if time >= clock {
            clock = time
            if wheel.isDue(time) { expire() }
        } else {
            counters.timeBackwards &+= 1
        }
        guard packet.kind == .ip else {
            if packet.kind == .arp { counters.arp &+= 1 } else { counters.notIP &+= 1 }
            return
        }
        observeIP(&packet, &update)
    }

    /// The same for a packet that must not be changed.
    public mutating func observe(_ packet: Packet) -> FlowUpdate {
        var copy = packet
        return observe(&copy)
    }

    @inline(__always)
    private mutating func observeIP(_ packet: inout Packet, _ update: inout FlowUpdate) {
        var hash = packet.flowHash
        var key = hash == 0 ? CanonicalKey(&packet) : CanonicalKey(prepared: &packet)
        if packet.fragment != .none {
            guard resolveFragment(&packet, &key) else {
                counters.orphanFragments &+= 1
                return
            }
            hash = key.hash(seed: seed)
        } else if hash == 0 {
            hash = key.hash(seed: seed)
        }
        counters.metered &+= 1
        let upper = UInt32(truncatingIfNeeded: hash >> 32)
        var slot = packet.flowHint &- 1
        if packet.fragment != .none || !table.holds(slot, key) {
            slot = table.find(key, hash: upper)
        }
        if slot >= 0, !goesOn(slot, &packet) { slot = -1 }
        if slot < 0 {
            slot = begin(key, hash: upper, &packet)
            update.events = .started
            update.isNewFlow = true
        }
        update.flow = slot
        count(&packet, slot, fromHigh: key.isSwapped, &update)
        if packet.quotedProtocol != 0 { relateQuoted(&packet, &update) }
    }

    /// Advances the clock without a packet.
    public mutating func advance(to time: Timestamp) {
        guard time > clock else { return }
        clock = time
        if wheel.isDue(time) { expire() }
    }
}

extension CanonicalKey {
    /// The key of a packet. For ICMP, the ports are type and counterpart, or type and code, as in
    /// Community ID.
    @inline(__always)
    init(_ packet: inout Packet) {
        var source = packet.sourcePort
        var destination = packet.destinationPort
        if packet.ipProtocol == 1 || packet.ipProtocol == 58 {
            (source, destination) = Self.icmpPorts(&packet)
        }
        self.init(
            source: packet.source, destination: packet.destination, sourcePort: source,
            destinationPort: destination, ipProtocol: packet.ipProtocol,
            ipVersion: packet.ipVersion, vlan: packet.vlan,
            tunnelIdentifier: packet.tunnelIdentifier)
    }

    /// The same for a packet whose ends are already in order.
    @inline(__always)
    init(prepared packet: inout Packet) {
        var source = packet.sourcePort
        var destination = packet.destinationPort
        if packet.ipProtocol == 1 || packet.ipProtocol == 58 {
            (source, destination) = Self.icmpPorts(&packet)
        }
        self.init(
            source: packet.source, destination: packet.destination, sourcePort: source,
            destinationPort: destination, ipProtocol: packet.ipProtocol,
            ipVersion: packet.ipVersion, vlan: packet.vlan,
            tunnelIdentifier: packet.tunnelIdentifier, isSwapped: packet.isFromHigh)
    }

    @inline(never)
    static func icmpPorts(_ packet: inout Packet) -> (UInt16, UInt16) {
        guard packet.fragment != .later else { return (0, 0) }
        let type = packet.icmpType
        if let counterpart = CommunityID.counterpart(of: type, ipVersion: packet.ipVersion) {
            return (UInt16(type), UInt16(counterpart))
        }
        return (UInt16(type), UInt16(packet.icmpCode))
    }
}
