import FlowMetering
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import TestKit
import Testing
import Timestamps
import Workloads

@testable import FeatureExtraction

/// Decodes frames, meters them, and collects a tracker's windows.
private struct Bench: ~Copyable {
    private var decoder = PacketDecoder()
    private var meter = FlowMeter()
    private var tags = FlowTags()
    private var tracker: WindowTracker
    private(set) var windows: [Window] = []
    private(set) var targets: [TargetWindow] = []

    init(mode: WindowTracker.Mode = .monitoring, watchesTargets: Bool = false) {
        tracker = WindowTracker(inventory: .empty, graph: nil, mode: mode)
        tracker.watchesTargets = watchesTargets
    }

    /// Sends an IP packet without a MAC address, which would be evidence of one sender.
    mutating func send(_ frame: [UInt8], at seconds: Double) {
        let time = Timestamp(secondsSince1970: 1_000_000 + seconds)
        var packet = Packet()
        decoder.decode(
            frame.span.bytes, linkType: .raw, time: time, wireLength: UInt32(frame.count),
            into: &packet)
        tracker.advance(to: time)
        take()
        var update = meter.observe(&packet)
        tags.complete(&update)
        if let tag = tracker.observe(packet, update) { tags.set(tag, of: update.flow) }
    }

    mutating func tcp(
        _ source: String, _ from: UInt16, _ destination: String, _ to: UInt16, flags: UInt8,
        at seconds: Double
    ) {
        let segment = Frame.tcp(from, to, flags: flags)
        send(
            source.contains(":")
                ? Frame.ipv6(source, destination, 6, segment)
                : Frame.ipv4(source, destination, 6, segment), at: seconds)
    }

    private mutating func take() {
        while let window = tracker.nextTarget() { targets.append(window) }
        while tracker.nextWindow() { windows.append(tracker.window) }
    }

    mutating func finish() {
        tracker.finish()
        take()
    }

    /// The last window of ten seconds.
    func last(_ address: String) -> Window? {
        windows.last { $0.scale == .short && $0.subject == Frame.address(address) }
    }
}

private let prober = "10.0.0.5"
private let victim = "10.0.0.9"

struct UnsolicitedTests {
    /// Flags that open no flow, and their kinds.
    static let flags: [(UInt8, UnsolicitedKind)] = [
        (0x00, .null), (0x01, .fin), (0x29, .xmas), (0x11, .maimon), (0x10, .ack), (0x12, .synAck),
        (0x04, .reset), (0x20, .invalid), (0x18, .ack), (0x14, .reset), (0x40, .null),
    ]

    @Test(arguments: flags, [prober, "fd00::5"])
    func aProbeCountsForItsSenderByItsFlags(
        probe: (flags: UInt8, kind: UnsolicitedKind), source: String
    ) {
        var bench = Bench()
        let target = source.contains(":") ? "fd00::9" : victim
        // The first minute may show connections older than the monitor.
        bench.tcp(source, 1, target, 1, flags: 2, at: 0)
        for port in UInt16(1)...30 {
            let time = 100 + Double(port) / 100
            bench.tcp(source, 40_000, target, port, flags: probe.flags, at: time)
            if probe.flags & 4 == 0 {
                bench.tcp(target, port, source, 40_000, flags: 0x14, at: time + 0.001)
            }
        }
        bench.finish()
        let window = bench.last(source)
        #expect(window?.unsolicited[probe.kind] == 30)
        #expect(window?[.unsolicited] == 30 && window?[.unsolicitedTargets] == 30)
        #expect(window?.unsolicited.rejected == (probe.flags & 4 == 0 ? 30 : 0))
        #expect(window?[.flows] == 0)
        #expect(window?.unsolicitedContact.address == Frame.address(target))
        // The one that refuses is no prober.
        #expect(bench.last(target)?[.unsolicited] ?? 0 == 0)
    }

    @Test func connectionsOlderThanTheMonitorAreQuiet() {
        var bench = Bench()
        for step in 0..<400 {
            let port = UInt16(50_000 + step % 40)
            let time = 0.1 + Double(step) / 20
            bench.tcp(prober, port, victim, 80, flags: 0x18, at: time)
            bench.tcp(victim, 80, prober, port, flags: 0x18, at: time + 0.01)
            // One direction only.
            bench.tcp("10.0.0.6", port, victim, 80, flags: 0x10, at: time + 0.02)
        }
        bench.finish()
        #expect(bench.windows.allSatisfy { $0[.unsolicited] == 0 })
    }

    @Test func aConnectionThatOnlyPausedIsQuiet() {
        var bench = Bench()
        bench.tcp("10.0.0.7", 1, victim, 1, flags: 2, at: 0)
        for port in UInt16(50_000)..<50_100 {
            let time = 200 + Double(port - 50_000) / 100
            // As many end as go on.
            let isEnd = port % 2 == 0
            bench.tcp(prober, port, victim, 80, flags: isEnd ? 0x11 : 0x18, at: time)
            bench.tcp(victim, 80, prober, port, flags: isEnd ? 0x11 : 0x10, at: time + 0.001)
            bench.tcp(prober, port, victim, 80, flags: 0x10, at: time + 1.5)
        }
        bench.finish()
        #expect(bench.last(prober)?[.unsolicited] ?? 0 == 0)
        #expect(bench.last(victim)?[.unsolicited] ?? 0 == 0)
    }

    @Test func whatIsRefusedCountsFromTheStart() {
        var bench = Bench()
        // Already in the table; a host that only answers takes no memory in the first minute.
        bench.tcp(prober, 1, victim, 1, flags: 2, at: 0)
        for port in UInt16(2)...31 {
            let time = 1 + Double(port) / 100
            bench.tcp(prober, 40_000, victim, port, flags: 0x10, at: time)
            bench.tcp(victim, port, prober, 40_000, flags: 4, at: time + 0.001)
        }
        bench.finish()
        #expect(bench.last(prober)?.unsolicited[.ack] == 30)
        #expect(bench.last(prober)?[.unsolicitedTargets] == 30)
    }

    @Test func aFloodInOneFlowCountsPacketByPacket() {
        var bench = Bench()
        bench.tcp("10.0.0.7", 1, victim, 1, flags: 2, at: 0)
        for step in 0..<900 {
            bench.tcp(prober, 4000, victim, 80, flags: 0x10, at: 100 + Double(step) / 100)
        }
        bench.finish()
        // The first second could be a connection that waits for its answer.
        #expect((700...900).contains(bench.last(prober)?[.unsolicited] ?? 0))
    }

    @Test func aSegmentSentAheadDoesNotHideTheSYN() {
        var bench = Bench()
        for port in UInt16(1)...50 {
            bench.tcp(prober, 40_000, victim, port, flags: 0x10, at: Double(port) / 100)
            bench.tcp(prober, 40_000, victim, port, flags: 2, at: Double(port) / 100 + 0.001)
        }
        bench.finish()
        #expect(bench.last(prober)?[.flows] == 50 && bench.last(prober)?[.ports] == 50)
    }

    @Test func answersToNothingCount() {
        var bench = Bench()
        bench.tcp("10.0.0.7", 1, victim, 1, flags: 2, at: 0)
        for port in UInt16(2000)..<2020 {
            bench.send(
                Frame.ipv4(prober, victim, 17, Frame.udp(53, port, [1, 2, 3])),
                at: 100 + Double(port - 2000) / 100)
        }
        for step in 0..<20 {
            let echo = Frame.icmp(type: 0, code: 0, rest: 1, [UInt8](repeating: 7, count: 400))
            bench.send(Frame.ipv4(prober, victim, 1, echo), at: 101 + Double(step) / 10)
        }
        bench.finish()
        let window = bench.last(prober)
        #expect(window?.unsolicited[.reply] == 20)
        // The first second could be answers that were delayed.
        #expect((10...20).contains(window?.unsolicited[.icmpReply] ?? 0))
        #expect(window?[.icmpPackets] ?? 0 >= 10 && window?[.icmpPayload] == 400)
    }

    @Test func anAnswerToARequestIsExpected() {
        var bench = Bench()
        for step in 0..<40 {
            let time = 100 + Double(step) / 10
            let ask = Frame.icmp(type: 8, code: 0, rest: 1, [1, 2])
            bench.send(Frame.ipv4(victim, prober, 1, ask), at: time)
            let echo = Frame.icmp(type: 0, code: 0, rest: 1, [1, 2])
            bench.send(Frame.ipv4(prober, victim, 1, echo), at: time + 0.01)
        }
        bench.finish()
        #expect(bench.last(prober)?[.unsolicited] ?? 0 == 0)
    }

    @Test func fragmentsCount() {
        var bench = Bench()
        bench.tcp("10.0.0.7", 1, victim, 1, flags: 2, at: 0)
        for number in UInt16(1)...20 {
            // The first eight bytes of a TCP header; the flags would follow in the next fragment.
            let start = Array(Frame.tcp(4000, number, flags: 2)[..<8])
            bench.send(
                Frame.ipv4(prober, victim, 6, start, identifier: number, fragment: 0x2000),
                at: 100 + Double(number) / 10)
            bench.send(
                Frame.ipv4(
                    "10.0.0.6", victim, 17, [1, 2, 3, 4, 5, 6, 7, 8], identifier: number,
                    fragment: 0x2010), at: 100.05 + Double(number) / 10)
        }
        bench.finish()
        #expect(bench.last(prober)?.unsolicited[.fragmentedHeader] == 20)
        #expect(bench.last(prober)?[.unsolicitedTargets] == 20)
        #expect(bench.last("10.0.0.6")?.unsolicited[.fragment] == 20)
    }

    @Test func handshakesAreNoEvidenceForOtherPackets() {
        var bench = Bench()
        let outside = "203.0.113.9"
        func connect(_ port: UInt16, at seconds: Double) {
            bench.tcp(outside, port, victim, 80, flags: 2, at: seconds)
            bench.send(
                Frame.ipv4(
                    victim, outside, 6,
                    Frame.tcp(80, port, flags: 0x12, sequence: 7, acknowledgment: 1001)),
                at: seconds + 0.001)
            bench.send(
                Frame.ipv4(
                    outside, victim, 6,
                    Frame.tcp(port, 80, flags: 0x10, sequence: 1001, acknowledgment: 8)),
                at: seconds + 0.002)
        }
        for port in UInt16(50_000)..<50_004 { connect(port, at: 100) }
        bench.tcp("10.0.0.7", 1, victim, 1, flags: 2, at: 101.5)
        #expect(bench.last(outside)?.handshakeCount == 4)
        for port in UInt16(1)...100 {
            bench.tcp(outside, 4000, victim, port, flags: 1, at: 102)
        }
        bench.finish()
        #expect(bench.last(outside)?.unsolicited[.fin] == 100)
        #expect(bench.last(outside)?.evidence == .address)
    }
}

struct TargetTests {
    @Test(arguments: [victim, "fd00::9"])
    func aFloodFromForgedSourcesShowsAtItsTarget(victim: String) {
        var bench = Bench(watchesTargets: true)
        let isV6 = victim.contains(":")
        bench.tcp(isV6 ? "fd00::7" : "10.0.0.7", 1, victim, 80, flags: 2, at: 0)
        for number in 0..<3000 {
            let (high, low) = (number / 250, number % 250)
            bench.tcp(
                isV6 ? "2001:db8:\(high)::\(low)" : "198.51.\(high).\(low)", 4000, victim, 80,
                flags: 2, at: 100 + Double(number) / 1000)
        }
        bench.finish()
        let window = bench.targets.last { $0.scale == .short }
        #expect(window?.target == Frame.address(victim))
        #expect(window?.counts[.tcp] == 3000 && window?.counts[.completed] == 0)
        #expect((2900...3100).contains(window?.senders ?? 0))
        #expect(window?.usual.total == 0)
    }

    @Test func aFloodOfOneSenderIsThatSendersIncident() {
        var bench = Bench(watchesTargets: true)
        for number in 0..<3000 {
            bench.tcp(
                prober, UInt16(4000 + number), victim, 80, flags: 2,
                at: 100 + Double(number) / 1000)
        }
        bench.finish()
        #expect(!bench.targets.contains { $0.scale == .short })
    }

    @Test func addressesWithoutAHostDoNotKeepHostsFromBeingWatched() {
        var table = TargetTable()
        for number in UInt32(0)..<20_000 {
            _ = table.slot(of: IPAddress(v4: 0x0A00_0000 + number), isKnown: false, second: 100)
        }
        for number in UInt32(0)..<3000 {
            let host = IPAddress(v4: 0x0B00_0000 + number)
            #expect(table.slot(of: host, isKnown: true, second: 100) != nil)
        }
        #expect(table[IPAddress(v4: 0x0B00_0000)] != nil)
    }
}
