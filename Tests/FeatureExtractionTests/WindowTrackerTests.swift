import BaselineGraph
import FlowMetering
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Testing
import Workloads

@testable import FeatureExtraction
import Timestamps

/// Sends constructed packets through a tracker and collects its windows.
private struct Bench {
    var tracker: WindowTracker
    var windows: [Window] = []

    init(
        mode: WindowTracker.Mode = .withoutBaseline, graph: CommunicationGraph? = nil,
        inventory: Inventory = .empty, hostLimit: Int = 100_000
    ) {
        tracker = WindowTracker(
            inventory: inventory, graph: graph, mode: mode, hostLimit: hostLimit)
    }

    /// The subjects of the windows.
    var judged: Set<IPAddress> { Set(windows.map(\.subject)) }

    /// Opens a flow.
    mutating func open(_ source: String, at second: Int) {
        _ = send(packet(source, "10.0.0.2", at: Double(second)), [.started, .fromOriginator])
    }

    mutating func send(_ packet: Packet, _ events: FlowUpdate.Events, tag: UInt32 = 0) -> UInt32 {
        tracker.advance(to: packet.time)
        takeWindows()
        var update = FlowUpdate()
        update.start = packet.time
        update.events = events
        update.tag = tag
        return tracker.observe(packet, update) ?? tag
    }

    mutating func finish() {
        tracker.finish()
        takeWindows()
    }

    mutating func takeWindows() {
        while tracker.nextWindow() { windows.append(tracker.window) }
    }

    func last(_ scale: Scale, of address: IPAddress) -> Window? {
        windows.last { $0.scale == scale && $0.subject == address }
    }
}

private func packet(
    _ source: String, _ destination: String, port: UInt16 = 80, at seconds: Double = 0,
    mac: UInt64 = 0, toMAC: UInt64 = 0
) -> Packet {
    var packet = Packet()
    packet.kind = .ip
    packet.ipVersion = 4
    packet.ipProtocol = 6
    packet.source = IPAddress(source) ?? .unspecified
    packet.destination = IPAddress(destination) ?? .unspecified
    packet.sourcePort = 40_000
    packet.destinationPort = port
    packet.ipLength = 60
    packet.time = Timestamp(secondsSince1970: 1_000_000 + seconds)
    packet.sourceMAC = MACAddress(mac)
    packet.destinationMAC = MACAddress(toMAC)
    return packet
}

struct HandoverTests {
    private let spot = IPAddress(v4: 0x0A00_0005)

    private func change(_ name: String?, mac: UInt64? = nil) -> WorkloadChange {
        var change = WorkloadChange()
        change.holders[spot] = name.map { .init(workload: $0, mac: mac.map { MACAddress($0) }) }
        if name == nil { change.holders[spot] = .some(nil) }
        return change
    }

    @Test func aLateNameAppliesToEarlierTraffic() {
        var bench = Bench()
        _ = bench.send(packet("10.0.0.5", "10.0.0.9", at: 0.1), [.started, .fromOriginator])
        bench.tracker.apply(change("web"))
        _ = bench.send(packet("10.0.0.5", "10.0.0.9", at: 0.2), [.started, .fromOriginator])
        bench.finish()
        #expect(bench.last(.short, of: spot)?.identity?.name == "web")
        #expect(bench.last(.short, of: spot)?[.flows] == 2)
    }

    @Test func anAddressWithANewOwnerStartsEmptyAndLosesNoWindow() {
        var bench = Bench()
        bench.tracker.apply(change("web"))
        let tag = bench.send(packet("10.0.0.5", "10.0.0.9", at: 0.1), [.started, .fromOriginator])
        for port in 0..<3 {
            _ = bench.send(
                packet("10.0.0.5", "10.0.0.9", port: UInt16(port + 1), at: 0.2),
                [.started, .fromOriginator])
        }
        bench.tracker.apply(change(nil))
        _ = bench.send(
            packet("10.0.0.5", "10.0.0.9", port: 99, at: 0.4), [.started, .fromOriginator])
        bench.tracker.apply(change("intruder"))
        // The previous owner's connection continues for a moment; it is not charged to the new
        // owner.
        _ = bench.send(packet("10.0.0.5", "10.0.0.9", at: 0.5), [.fromOriginator], tag: tag)
        bench.finish()
        func window(_ name: String) -> Window? {
            bench.windows.last {
                $0.scale == .short && $0.subject == spot && $0.identity?.name == name
            }
        }
        #expect(window("web")?[.flows] == 4 && window("web")?[.packetsOut] == 5)
        #expect(window("intruder")?[.flows] == 1 && window("intruder")?[.ports] == 1)
        #expect(bench.tracker.hostCount == 1)
    }

    @Test func anAddressReassignedToAnotherInterfaceIsNotSpoofing() {
        var bench = Bench()
        bench.tracker.apply(change("web", mac: 1))
        _ = bench.send(
            packet("10.0.0.5", "10.0.0.9", at: 0.1, mac: 1), [.started, .fromOriginator])
        bench.tracker.apply(change(nil))
        bench.tracker.apply(change("web", mac: 2))
        _ = bench.send(
            packet("10.0.0.5", "10.0.0.9", at: 0.5, mac: 2), [.started, .fromOriginator])
        bench.finish()
        #expect(bench.windows.allSatisfy { $0[.foreignSources] == 0 })
        #expect(bench.tracker.links.records[MACAddress(1)] == nil)
    }

    @Test func shortLivedHostsLeaveNoStateBehind() {
        var bench = Bench()
        for life in 0..<2000 {
            bench.tracker.apply(change("job-\(life)", mac: UInt64(life + 1)))
            _ = bench.send(
                packet("10.0.0.5", "10.0.0.9", at: Double(life) / 20, mac: UInt64(life + 1)),
                [.started, .fromOriginator])
            bench.tracker.apply(change(nil))
        }
        // Twenty a second, each kept until its last bucket was scored.
        #expect(bench.tracker.slotCount <= 20 * 33 && bench.tracker.hostCount <= 1)
        #expect(bench.tracker.links.records.count <= 2)
    }
}

struct WindowTrackerTests {
    let attacker = IPAddress(v4: 0x0A00_0001)
    let victim = IPAddress(v4: 0x0A00_0002)
    let opening: FlowUpdate.Events = [.started, .fromOriginator]

    @Test func aScanIsChargedToItsSender() throws {
        var bench = Bench()
        for port in 1...50 as ClosedRange<UInt16> {
            let tag = bench.send(packet("10.0.0.1", "10.0.0.2", port: port), opening)
            _ = bench.send(
                packet("10.0.0.2", "10.0.0.1", port: 40_000), [.answered, .refused], tag: tag)
        }
        bench.finish()
        let window = try #require(bench.last(.short, of: attacker))
        #expect(window[.flows] == 50 && window[.ports] == 50 && window[.peers] == 1)
        #expect(window[.edges] == 50 && window[.failed] == 50)
        #expect(window[.packetsOut] == 50 && window[.bytesIn] == 3000)
        #expect(bench.windows.allSatisfy { $0.subject == attacker })
    }

    @Test func answersErrorsAndMidstreamPacketsOpenNoFlow() {
        var bench = Bench()
        _ = bench.send(packet("10.0.0.2", "10.0.0.1"), [.started, .fromOriginator, .midstream])
        var unreachable = packet("10.0.0.2", "10.0.0.1")
        unreachable.ipProtocol = 1
        unreachable.icmpType = 3
        _ = bench.send(unreachable, opening)
        var lateAnswer = packet("10.0.0.2", "10.0.0.1", port: 40_000)
        lateAnswer.ipProtocol = 17
        lateAnswer.sourcePort = 53
        _ = bench.send(lateAnswer, opening)
        _ = bench.send(packet("10.0.0.2", "224.0.0.251"), opening)
        bench.finish()
        #expect(bench.windows.allSatisfy { $0[.flows] == 0 && $0[.packetsOut] == 0 })
        #expect(bench.windows.allSatisfy { $0[.unsolicited] == 3 })
    }

    @Test func windowsSlideAndEnd() throws {
        var bench = Bench()
        for second in 0..<30 {
            _ = bench.send(packet("10.0.0.1", "10.0.0.2", at: Double(second)), opening)
        }
        bench.finish()
        let short = bench.windows.filter { $0.scale == .short }
        #expect(short.map { $0[.flows] } == (1...30).map { min(Float($0), 10) })
        #expect(bench.windows.contains { $0.scale == .medium && $0[.flows] > 10 })
    }

    @Test func aSpoofedFloodIsChargedToTheSendingInterface() throws {
        var bench = Bench()
        let mac: UInt64 = 0x0242_0A00_0001
        _ = bench.send(packet("10.0.0.1", "10.0.0.2", mac: mac), opening)
        for number in 0..<200 {
            let source = "203.0.113.\(number)"
            _ = bench.send(packet(source, "10.0.0.2", at: 1, mac: mac), opening)
        }
        bench.finish()
        let window = try #require(bench.last(.short, of: attacker))
        // Two additional addresses are allowed: a container can have more than one.
        #expect(window[.foreignSources] >= 195 && window[.flows] >= 195)
        #expect(window.mac == MACAddress(mac))
        #expect(Set(bench.windows.map(\.subject)).count <= 3)
    }

    @Test func aRouterMaySendWithTheAddressesOfOthers() {
        var bench = Bench()
        let router: UInt64 = 0x0242_0A00_00FE
        let host: UInt64 = 0x0242_0A00_0002
        for number in 0..<100 {
            let client = "203.0.113.\(number)"
            _ = bench.send(packet(client, "10.0.0.2", mac: router, toMAC: host), opening)
            _ = bench.send(
                packet("10.0.0.2", client, port: 40_000, mac: host, toMAC: router), [.answered])
        }
        bench.finish()
        #expect(bench.windows.allSatisfy { $0[.foreignSources] == 0 })
        #expect(Set(bench.windows.map(\.subject)).count == 100)
    }

    @Test func noveltyIsJudgedByTheBaselineAndInTrainingByOtherEpochs() throws {
        var learner = GraphLearner(inventory: .empty)
        var update = FlowUpdate()
        update.events = opening
        for epoch in [0.0, 200, 400] {
            learner.observe(packet("10.0.0.1", "10.0.0.2", at: epoch), update)
        }
        learner.observe(packet("10.0.0.1", "10.9.0.3", port: 5432, at: 401), update)
        let graph = learner.finish()

        var monitoring = Bench(mode: .monitoring, graph: graph)
        _ = monitoring.send(packet("10.0.0.1", "10.0.0.2", at: 900), opening)
        _ = monitoring.send(packet("10.0.0.1", "10.9.0.3", port: 5432, at: 900), opening)
        monitoring.finish()
        #expect(try #require(monitoring.last(.short, of: attacker))[.newEdges] == 0)

        _ = monitoring.send(packet("10.0.0.1", "10.9.0.3", port: 22, at: 901), opening)
        monitoring.finish()
        let window = try #require(monitoring.last(.short, of: attacker))
        #expect(window[.newEdges] == 1 && window[.newPorts] == 1 && window[.newPeers] == 0)
        #expect(window.newContact.port == 22)
        #expect(window.newContacts == [window.newContact])
        for number in [3, 20, 21, 22, 23, 24, 25, 26, 27, 21] {
            _ = monitoring.send(packet("10.0.0.1", "10.9.0.\(number)", port: 22, at: 901), opening)
        }
        monitoring.finish()
        // Of more addresses than are kept, those that were met last.
        let last = try #require(monitoring.last(.short, of: attacker)).newContacts.map(\.address)
        #expect(last.map { "\($0)" } == [20, 22, 23, 24, 25, 26, 27, 21].map { "10.9.0.\($0)" })

        var training = Bench(mode: .training, graph: graph)
        _ = training.send(packet("10.0.0.1", "10.9.0.3", port: 5432, at: 401), opening)
        training.finish()
        #expect(try #require(training.last(.short, of: attacker))[.newEdges] == 1)
    }

    @Test func theTableOfHostsIsBounded() {
        var tracker = WindowTracker(
            inventory: .empty, graph: nil, mode: .withoutBaseline, hostLimit: 10)
        var update = FlowUpdate()
        update.events = opening
        for number in 0..<50 {
            let packet = packet("10.0.1.\(number)", "10.0.0.2")
            tracker.advance(to: packet.time)
            let hasWindow = tracker.nextWindow()
            #expect(!hasWindow)
            _ = tracker.observe(packet, update)
        }
        #expect(tracker.hostCount == 10 && tracker.droppedHosts == 40)
    }

    @Test func windowsWaitInOrderUntilTheyAreRead() {
        func ends(_ bench: Bench) -> [String] {
            bench.windows.map { "\($0.subject) \($0.scale) \($0.endSecond)" }
        }
        var prompt = Bench()
        for second in 0..<3 {
            for number in 0..<4 { prompt.open("10.0.1.\(number)", at: second) }
        }
        var late = prompt
        for second in 4..<40 {
            prompt.tracker.advance(to: Timestamp(second: 1_000_000 + second))
            prompt.takeWindows()
            // Nothing is lost if windows are not read or the clock does not advance.
            late.tracker.advance(to: Timestamp(second: 1_000_000 + second))
            if second % 7 == 0, late.tracker.nextWindow() {
                late.windows.append(late.tracker.window)
            }
            late.tracker.advance(to: Timestamp(second: 1_000_000))
        }
        prompt.finish()
        late.finish()
        #expect(prompt.windows.count > 16 && ends(late) == ends(prompt))
        func values(_ bench: Bench) -> [[Float]] {
            bench.windows.map { window in Feature.allCases.map { window[$0] } }
        }
        #expect(values(late) == values(prompt))
    }

    @Test func aFullTableEvictsTransientHosts() {
        var bench = Bench(hostLimit: 10)
        // Nine hosts that are seen once, and one that is not transient.
        for _ in 0..<8 { bench.open("10.0.3.1", at: 1) }
        for number in 0..<9 { bench.open("10.0.1.\(number)", at: 1) }
        for number in 0..<50 { bench.open("10.0.2.\(number)", at: 2 + number / 5) }
        bench.open("10.0.3.2", at: 30)
        for _ in 0..<5 { bench.open("10.0.3.1", at: 31) }
        bench.finish()
        #expect(bench.tracker.hostCount == 10 && bench.tracker.droppedHosts == 51)
        // All hosts were scored, and the one that stayed kept its slot.
        #expect(bench.judged.count == 61)
        #expect(bench.tracker.slotCount == 10)
    }

    /// Hosts of a port or known MAC address, and those that complete a handshake, replace hosts
    /// that are known by their address only.
    @Test func evidenceOutranksForgedAddresses() throws {
        var bench = Bench(mode: .monitoring, hostLimit: 10)
        // Each has opened more flows than a transient host.
        for number in 0..<10 {
            for _ in 0..<5 { bench.open("198.51.100.\(number)", at: 1) }
        }
        bench.open("198.51.100.77", at: 3)
        var own = packet("10.0.3.1", "10.0.0.2", at: 3, mac: 7)
        own.port = 4
        _ = bench.send(own, [.started, .fromOriginator])
        var guess = packet("203.0.113.5", "10.0.0.2", port: 22, at: 3)
        var tag = bench.send(guess, [.started, .fromOriginator])
        #expect(tag == 0)
        guess.tcpFlags = 0x10
        tag = bench.send(guess, [.fromOriginator, .established, .acknowledged], tag: tag)
        #expect(tag != 0)
        bench.finish()
        #expect(bench.judged.contains(try #require(IPAddress("10.0.3.1"))))
        let guesser = try #require(IPAddress("203.0.113.5"))
        let window = try #require(bench.last(.short, of: guesser))
        #expect(window.handshakeCount == 1 && window[.flows] == 1 && window.unanswered == 0)
        #expect(!bench.judged.contains(try #require(IPAddress("198.51.100.77"))))
    }

    @Test func aKnownWorkloadReplacesEvenABusyUnknownHost() throws {
        let inventory = try Inventory(
            workloads: [.init(name: "web", addresses: [try #require(IPPrefix("10.0.9.9"))])],
            networks: [.init(name: "net", prefix: try #require(IPPrefix("10.0.0.0/16")))])
        var bench = Bench(inventory: inventory, hostLimit: 10)
        for second in 1...5 {
            for number in 0..<10 { bench.open("10.0.1.\(number)", at: second) }
        }
        bench.open("10.0.2.1", at: 5)
        bench.open("10.0.9.9", at: 5)
        bench.tracker.isCramped = true
        for _ in 0..<300 { bench.open("10.0.9.9", at: 6) }
        bench.finish()
        #expect(bench.judged.contains(try #require(IPAddress("10.0.9.9"))))
        #expect(!bench.judged.contains(try #require(IPAddress("10.0.2.1"))))
        #expect(bench.tracker.hostCount == 10 && bench.tracker.slotCount == 10)
    }

    @Test func whereMemoryIsShortPlacesThatWereLeftAreTakenAgain() throws {
        var bench = Bench()
        for number in 0..<5 { bench.open("10.0.1.\(number)", at: 1) }
        bench.tracker.isCramped = true
        // They are busy, and none is evicted for an unknown host.
        for second in 2...3 {
            for number in 0..<5 {
                for _ in 0..<3 { bench.open("10.0.1.\(number)", at: second) }
            }
            bench.open("10.0.2.1", at: second)
        }
        #expect(bench.tracker.hostCount == 5)
        // They have been silent for longer than hosts are kept, and memory is still short.
        for second in 700...701 { bench.open("10.0.2.2", at: second) }
        bench.open("10.0.2.3", at: 701)
        bench.finish()
        #expect(bench.judged.contains(try #require(IPAddress("10.0.2.2"))))
        #expect(bench.judged.contains(try #require(IPAddress("10.0.2.3"))))
        #expect(bench.tracker.slotCount == 5)
    }

    @Test func aClockThatWasSetBackBeginsAnew() {
        var bench = Bench()
        for second in 5000...5003 { bench.open("10.0.1.1", at: second) }
        bench.tracker.restart()
        for second in 1400...1403 { bench.open("10.0.1.1", at: second) }
        let ends = bench.windows.filter { $0.scale == .short }.map(\.endSecond)
        #expect(ends.map { $0 - 1_000_000 } == [5000, 5001, 5002, 1400, 1401, 1402])
        #expect(bench.tracker.hostCount == 1 && bench.tracker.slotCount == 1)
    }
}
