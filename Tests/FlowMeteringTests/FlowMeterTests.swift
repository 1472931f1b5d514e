import FlowMetering
import NetworkAddresses
import PacketDecoding
import TestKit
import Testing
import Timestamps

/// A meter, a decoder and a clock: feeds raw IP packets and collects records.
struct Bench: ~Copyable {
    var decoder = PacketDecoder()
    var meter: FlowMeter
    var tags = FlowTags()

    init(_ configure: (inout FlowMeterOptions) -> Void = { _ in }) {
        var options = FlowMeterOptions()
        configure(&options)
        meter = FlowMeter(options: options)
    }

    /// Meters a raw IP packet at `seconds`.
    @discardableResult
    mutating func feed(_ bytes: [UInt8], at seconds: Double) -> FlowUpdate {
        var packet = Packet()
        decoder.decode(
            bytes.span.bytes, linkType: .raw,
            time: Timestamp(second: 1000) + .seconds(seconds),
            wireLength: UInt32(bytes.count), into: &packet)
        var update = meter.observe(&packet)
        tags.complete(&update)
        return update
    }

    mutating func records() -> [FlowRecord] {
        var all: [FlowRecord] = []
        meter.drain { all.append($0) }
        return all
    }

    mutating func finish() -> [FlowRecord] {
        meter.finish()
        return records()
    }
}

/// From client (10.0.0.1:40000) to server (10.0.0.2:443), and back.
func up(_ flags: UInt8, _ sequence: UInt32 = 100, _ payload: Int = 0) -> [UInt8] {
    Frame.ipv4(
        "10.0.0.1", "10.0.0.2", 6,
        Frame.tcp(
            40_000, 443, flags: flags, sequence: sequence,
            payload: [UInt8](repeating: 1, count: payload)))
}

func down(_ flags: UInt8, _ sequence: UInt32 = 500, _ payload: Int = 0) -> [UInt8] {
    Frame.ipv4(
        "10.0.0.2", "10.0.0.1", 6,
        Frame.tcp(
            443, 40_000, flags: flags, sequence: sequence,
            payload: [UInt8](repeating: 1, count: payload)))
}

private func udp(_ source: UInt8, _ destination: UInt8, _ port: UInt16 = 9000) -> [UInt8] {
    Frame.ipv4(
        "10.0.0.\(source)", "10.0.0.\(destination)", 17,
        Frame.udp(
            source < destination ? 5000 : port, source < destination ? port : 5000, [1, 2, 3]))
}

@Test func aWholeConnectionIsFollowed() {
    var bench = Bench()
    #expect(bench.feed(up(2), at: 0).events == [.started, .fromOriginator])
    #expect(bench.feed(down(0x12), at: 0.1).events == .answered)
    #expect(bench.feed(up(0x10, 101), at: 0.2).events == [.established, .fromOriginator])
    #expect(bench.feed(up(0x18, 101, 50), at: 0.3).events == .fromOriginator)
    #expect(bench.feed(up(0x18, 101, 50), at: 0.5).events == [.fromOriginator, .retransmission])
    #expect(bench.feed(down(0x18, 501, 80), at: 0.6).events == [])
    #expect(bench.feed(up(0x11, 151), at: 0.7).events == [.fromOriginator, .closing])
    #expect(bench.feed(down(0x11, 581), at: 0.8).events == .finished)
    bench.feed(up(0x10, 152), at: 0.9)
    let records = bench.finish()
    #expect(records.count == 1)
    let flow = records[0]
    #expect(flow.connectionState == .sf && flow.history == "ShADTdFf")
    #expect(flow.originator.packetCount == 6 && flow.responder.packetCount == 3)
    #expect(flow.originator.payloadOctetCount == 100 && flow.responder.payloadOctetCount == 80)
    #expect(flow.originator.ipOctetCount == 340 && flow.responder.ipOctetCount == 200)
    #expect(flow.originator.retransmissionCount == 1)
    #expect(flow.originator.tcpFlags == 0x1B && flow.responder.tcpFlags == 0x1B)
    #expect(flow.originator.sizeMinimum == 40 && flow.originator.sizeMaximum == 90)
    #expect(flow.originator.intervalMinimum == .milliseconds(100))
    #expect(flow.originator.intervalMaximum == .milliseconds(200))
    #expect(abs(flow.originator.intervalMean - 180_000_000) < 1)
    #expect(abs(flow.originator.intervalDeviation - 40_000_000) < 100)
    #expect(flow.duration == .milliseconds(900))
    #expect(flow.endReason == .forcedEnd && !flow.isMidstream)
}

@Test(arguments: [
    ([up(2)], "S0"), ([up(2), down(0x14)], "REJ"), ([up(2), down(0x12), up(0x10)], "S1"),
    ([up(2), up(4)], "RSTOS0"), ([up(2), up(1)], "SH"),
    ([up(2), down(0x12), up(0x10), up(0x14)], "RSTO"),
    ([up(2), down(0x12), up(0x10), down(0x14)], "RSTR"),
    ([up(2), down(0x12), up(0x11)], "S2"), ([up(2), down(0x12), down(0x11)], "S3"),
    ([down(0x12), down(0x14)], "RSTRH"), ([down(0x12), down(0x11)], "SHR"),
    ([up(0x10), down(0x10)], "OTH"),
])
func statesMatchZeek(packets: [[UInt8]], state: String) {
    var bench = Bench()
    for (index, packet) in packets.enumerated() { bench.feed(packet, at: Double(index) / 10) }
    let records = bench.finish()
    #expect(records.count == 1)
    #expect("\(records[0].connectionState.name)" == state)
}

@Test func refusalAndResetAreDistinguished() {
    var bench = Bench()
    bench.feed(up(2), at: 0)
    #expect(bench.feed(down(0x14), at: 0.1).events == [.answered, .refused])
    #expect(bench.feed(up(2, 900), at: 0.2).events == [.started, .fromOriginator])
    bench.feed(down(0x12), at: 0.3)
    bench.feed(up(0x10, 901), at: 0.4)
    #expect(bench.feed(down(0x04), at: 0.5).events == [.reset, .closing])
    let records = bench.finish()
    #expect(records.map(\.endReason) == [.endOfFlow, .forcedEnd])
    #expect(records.map(\.isRefused) == [true, false])
}

@Test func theOriginatorOfAMidstreamConnectionIsGuessed() {
    var bench = Bench()
    #expect(bench.feed(down(0x18, 1, 10), at: 0).events == [.started, .answered, .midstream])
    #expect(bench.feed(up(0x10), at: 0.1).events == [.fromOriginator, .midstream])
    let flow = bench.finish()[0]
    #expect(flow.key.originatorPort == 40_000 && flow.isMidstream && flow.history.hasPrefix("^"))
}

@Test func anUnreachablePortRefusesTheFlowItQuotes() {
    var bench = Bench()
    let sent = bench.feed(udp(1, 2), at: 0)
    bench.tags.set(42, of: sent.flow)
    let error = Frame.ipv4("10.0.0.2", "10.0.0.1", 1, Frame.icmp(type: 3, code: 3, udp(1, 2)))
    let update = bench.feed(error, at: 0.1)
    #expect(update.relatedFlow == sent.flow && update.relatedTag == 42)
    #expect(update.relatedEvents == [.refused, .fromOriginator])
    #expect(bench.feed(error, at: 0.2).relatedEvents == .fromOriginator)
    #expect(bench.finish().filter(\.isRefused).count == 1)
}

@Test func idleFlowsEndByTimeAndSoDoClosedOnes() {
    var bench = Bench { $0.idleTimeout = .seconds(10) }
    bench.feed(udp(1, 2), at: 0)
    bench.feed(udp(1, 2), at: 9.9)
    #expect(bench.records().isEmpty)
    bench.feed(udp(1, 2), at: 20)
    let first = bench.records()
    #expect(first.count == 1 && first[0].endReason == .idleTimeout)
    #expect(first[0].originator.packetCount == 2)
    bench.feed(up(2), at: 20)
    bench.feed(down(0x14), at: 20)
    bench.meter.advance(to: Timestamp(second: 1026))
    #expect(bench.records().map(\.endReason) == [.endOfFlow])
    bench.meter.advance(to: Timestamp(second: 1031))
    #expect(bench.records().map(\.endReason) == [.idleTimeout])
}

@Test func longFlowsAreReportedInIntervalsThatAddUp() {
    var bench = Bench { $0.activeTimeout = .seconds(5) }
    var events: [FlowUpdate.Events] = []
    for second in 0..<12 {
        let update = bench.feed(udp(1, 2), at: Double(second))
        events.append(update.events)
        if second == 0 { bench.tags.set(9, of: update.flow) }
        #expect(update.tag == (second == 0 ? 0 : 9))
    }
    #expect(events.filter { $0.contains(.started) }.count == 1)
    let records = bench.finish()
    #expect(records.map(\.originator.packetCount) == [6, 6])
    #expect(records.map(\.endReason) == [.activeTimeout, .forcedEnd])
    #expect(records.map(\.isContinuation) == [false, true])
    #expect(records[1].start - records[0].start == .seconds(6))
    #expect(records[1].flowStart == records[0].flowStart)
}

@Test func aFullTableEndsTheFlowIdleLongest() {
    var bench = Bench { $0.capacity = 2 }
    bench.feed(udp(1, 2, 9001), at: 0)
    bench.feed(udp(1, 2, 9002), at: 1)
    bench.feed(udp(1, 2, 9001), at: 2)
    bench.feed(udp(1, 2, 9003), at: 3)
    let evicted = bench.records()
    #expect(evicted.map(\.key.responderPort) == [9002])
    #expect(evicted.map(\.endReason) == [.lackOfResources])
    #expect(bench.meter.statistics.evicted == 1 && bench.meter.statistics.peakFlows == 2)
}

@Test func noPacketIsLostWithManyFlowsInASmallTable() {
    var bench = Bench { $0.capacity = 64 }
    var random = SeededGenerator(seed: 11)
    var packets: UInt64 = 0
    for round in 0..<30_000 {
        let port = UInt16.random(in: 1...2000, using: &random)
        bench.feed(udp(1, 2, port), at: Double(round) / 100)
        if round % 64 == 0 { for flow in bench.records() { packets += flow.packetCount } }
    }
    for flow in bench.finish() { packets += flow.packetCount }
    #expect(packets == 30_000)
    #expect(bench.meter.statistics.lostRecords == 0)
    #expect(bench.meter.statistics.peakFlows == 64)
}

@Test func laterFragmentsFindTheirFlow() {
    var bench = Bench()
    let first = Frame.ipv4(
        "10.0.0.1", "10.0.0.2", 17, Frame.udp(5000, 53, [UInt8](repeating: 0, count: 24)),
        identifier: 77, fragment: 0x2000)
    let later = Frame.ipv4("10.0.0.1", "10.0.0.2", 17, [1, 2, 3], identifier: 77, fragment: 4)
    let orphan = Frame.ipv4("10.0.0.1", "10.0.0.2", 17, [1, 2, 3], identifier: 78, fragment: 4)
    let flow = bench.feed(first, at: 0).flow
    #expect(bench.feed(later, at: 0).flow == flow)
    #expect(bench.feed(orphan, at: 0).flow == -1)
    #expect(bench.meter.statistics.orphanFragments == 1)
    let records = bench.finish()
    #expect(records.map(\.originator.packetCount) == [2])
    #expect(records[0].originator.payloadOctetCount == 27)
}

@Test func timesThatGoBackwardsAreCountedAndHarmless() {
    var bench = Bench()
    bench.feed(udp(1, 2), at: 100)
    bench.feed(udp(1, 2), at: 50)
    bench.feed(udp(1, 2), at: -1000)
    bench.feed(udp(1, 2), at: 101)
    let records = bench.finish()
    #expect(records.map(\.originator.packetCount) == [4])
    #expect(records[0].originator.intervalMinimum == .zero)
    #expect(bench.meter.statistics.timeBackwards == 2)
}

@Test func collectingCanBeSwitchedOff() {
    var bench = Bench { $0.collectsRecords = false }
    for port in 1...200 { bench.feed(udp(1, 2, UInt16(port)), at: Double(port)) }
    #expect(bench.finish().isEmpty)
    #expect(bench.meter.statistics.flowsStarted == 200)
}

@Test func preparedPacketsYieldTheSameUpdates() {
    var plain = FlowMeter()
    var ahead = FlowMeter()
    var decoder = PacketDecoder()
    var packets = [Packet](repeating: Packet(), count: 32)
    for index in packets.indices {
        let bytes = udp(index % 2 == 0 ? 1 : 2, index % 2 == 0 ? 2 : 1, UInt16(index / 4 + 1))
        decoder.decode(
            bytes.span.bytes, linkType: .raw, time: Timestamp(nanoseconds: Int64(index)),
            wireLength: 31,
            into: &packets[index])
    }
    let before = packets
    var span = packets.mutableSpan
    ahead.prepare(&span, 0..<32)
    ahead.prefetch(&span, 0..<32)
    for index in 0..<32 {
        let one = plain.observe(before[index])
        let two = ahead.observe(&span[index])
        #expect(one.flow == two.flow && one.events == two.events)
    }
}

@Test(arguments: [
    // From the specification's test vectors (community-id-spec, baseline_deflt.json).
    (6, "128.232.110.120", 34_855, "66.35.250.204", 80, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
    (17, "192.168.1.52", 54_585, "8.8.8.8", 53, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
    (132, "192.168.170.8", 7, "192.168.170.56", 7, "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs="),
    (1, "192.168.0.89", 8, "192.168.0.1", 0, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
    (1, "192.168.0.89", 20, "192.168.0.1", 0, "1:3o2RFccXzUgjl7zDpqmY7yJi8rI="),
    (
        58, "fe80::200:86ff:fe05:80da", 135, "fe80::260:97ff:fe07:69ea", 136,
        "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="
    ),
])
func communityIDsMatchTheReferences(
    number: Int, originator: String, port: Int, responder: String, otherPort: Int, text: String
) {
    let key = FlowKey(
        originator: Frame.address(originator), responder: Frame.address(responder),
        originatorPort: UInt16(port), responderPort: UInt16(otherPort), ipProtocol: UInt8(number),
        ipVersion: originator.contains(":") ? 6 : 4)
    #expect(CommunityID(of: key).text == text)
}

/// An association that is refused at once, and one that is accepted and aborted later.
@Test(arguments: [(6, true), (2, false)] as [(UInt8, Bool)])
func anAbortAnswersARequestForAnAssociation(first: UInt8, isRefused: Bool) throws {
    var bench = Bench()
    func chunk(_ type: UInt8, isAnswer: Bool) -> [UInt8] {
        let ends = isAnswer ? ("10.0.0.2", "10.0.0.1") : ("10.0.0.1", "10.0.0.2")
        let ports: (UInt16, UInt16) = isAnswer ? (38_412, 40_000) : (40_000, 38_412)
        return Frame.ipv4(ends.0, ends.1, 132, Frame.sctp(ports.0, ports.1, [type, 0, 0, 4]))
    }
    let opened = bench.feed(chunk(1, isAnswer: false), at: 0)
    #expect(opened.events.contains(.started) && !opened.events.contains(.refused))
    #expect(
        bench.feed(chunk(first, isAnswer: true), at: 0.1).events.contains(.refused) == isRefused)
    #expect(!bench.feed(chunk(6, isAnswer: true), at: 0.2).events.contains(.refused))
    let records = bench.finish()
    #expect(records.count == 1 && records.first?.isRefused == isRefused)
}

/// Echo replies beyond those that were asked for, over both versions.
@Test(arguments: [4, 6]) func moreRepliesThanRequestsAreExcessive(version: Int) {
    var bench = Bench()
    func echo(isReply: Bool) -> [UInt8] {
        let type: UInt8 = version == 4 ? (isReply ? 0 : 8) : isReply ? 129 : 128
        let message = Frame.icmp(type: type, code: 0, rest: 7)
        return version == 4
            ? Frame.ipv4(
                isReply ? "10.0.0.2" : "10.0.0.1", isReply ? "10.0.0.1" : "10.0.0.2", 1, message)
            : Frame.ipv6(
                isReply ? "fd00::2" : "fd00::1", isReply ? "fd00::1" : "fd00::2", 58, message)
    }
    var excessive: [Int] = []
    for number in 0..<100 {
        bench.feed(echo(isReply: false), at: Double(number) / 10)
        for copy in 1...4 {
            // More than one, as where two interfaces of a path are captured, or a link has a loop.
            let update = bench.feed(echo(isReply: true), at: Double(number) / 10 + 0.01)
            if update.events.contains(.excessive) { excessive.append(number * 4 + copy) }
        }
    }
    #expect(excessive.isEmpty)
    let later = (0..<40).map { number in
        bench.feed(echo(isReply: true), at: 11 + Double(number)).events.contains(.excessive)
    }
    #expect(later.first == false && later.last == true)
    #expect(!bench.feed(echo(isReply: false), at: 52).events.contains(.excessive))
}

/// Errors other than "unreachable" are about their flow, and refuse nothing.
@Test(arguments: [(4, 11), (4, 12), (6, 2), (6, 3), (6, 4)] as [(Int, UInt8)])
func anErrorBelongsToTheFlowThatItQuotes(version: Int, type: UInt8) throws {
    var bench = Bench()
    let segment = Frame.tcp(40_000, 443, flags: 0x02)
    let isV4 = version == 4
    let quoted =
        isV4
        ? Frame.ipv4("10.0.0.1", "10.0.0.2", 6, segment)
        : Frame.ipv6("fd00::1", "fd00::2", 6, segment)
    let opened = bench.feed(quoted, at: 0)
    let message = Frame.icmp(type: type, code: 0, quoted)
    let update = bench.feed(
        isV4
            ? Frame.ipv4("10.0.0.9", "10.0.0.1", 1, message)
            : Frame.ipv6("fd00::9", "fd00::1", 58, message), at: 1)
    #expect(update.relatedFlow == opened.flow)
    #expect(update.relatedEvents == .fromOriginator)
    #expect(bench.finish().allSatisfy { !$0.isRefused })
}
