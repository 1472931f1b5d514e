import BaselineGraph
import FlowMetering
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Testing
import Timestamps
import Workloads

@testable import FeatureExtraction

/// Sends synthetic packets that came by ports through a meter and a tracker.
private final class Ports {
    var tracker: WindowTracker
    var meter = FlowMeter(options: FlowMeterOptions())
    var tags = FlowTags()
    var windows: [Window] = []
    private var update = FlowUpdate()

    init(graph: CommunicationGraph? = nil) {
        tracker = WindowTracker(inventory: .empty, graph: graph, mode: .withoutBaseline)
    }

    func know(_ facts: PortFacts...) {
        var change = PortChange()
        change.facts = facts
        tracker.apply(change)
    }

    func remove(_ port: UInt32) {
        var change = PortChange()
        change.gone = [port]
        tracker.apply(change)
    }

    /// A TCP segment; without a port it comes by an interface that has no port.
    func send(
        _ source: String, _ destination: String, by port: UInt32, from: UInt16 = 40_000,
        to: UInt16 = 80, flags: UInt8 = 2, at seconds: Double = 0, mac: UInt64 = 1,
        acknowledgment: UInt32 = 0,
        type: PacketType = .otherHost
    ) {
        var packet = Packet()
        packet.kind = .ip
        packet.ipVersion = source.contains(":") ? 6 : 4
        packet.ipProtocol = 6
        packet.source = IPAddress(source) ?? .unspecified
        packet.destination = IPAddress(destination) ?? .unspecified
        packet.sourcePort = from
        packet.destinationPort = to
        packet.tcpFlags = flags
        packet.tcpAcknowledgment = acknowledgment
        packet.ipLength = 40
        packet.time = Timestamp(secondsSince1970: 1_000_000 + seconds)
        packet.sourceMAC = MACAddress(mac)
        packet.port = port
        packet.packetType = port == 0 ? .unknown : type
        tracker.advance(to: packet.time)
        takeWindows()
        meter.observe(&packet, &update)
        tags.complete(&update)
        if let tag = tracker.observe(packet, update) { tags.set(tag, of: update.flow) }
    }

    func claim(_ address: String, by port: UInt32, mac: UInt64) {
        var packet = Packet()
        packet.kind = .arp
        packet.arpOperation = 2
        packet.source = IPAddress(address) ?? .unspecified
        packet.destination = packet.source
        packet.arpSenderMAC = MACAddress(mac)
        packet.sourceMAC = MACAddress(mac)
        packet.time = Timestamp(second: 1_000_000)
        packet.port = port
        packet.packetType = .broadcast
        tracker.advance(to: packet.time)
        meter.observe(&packet, &update)
        _ = tracker.observe(packet, update)
    }

    private func takeWindows() {
        while tracker.nextWindow() { windows.append(tracker.window) }
    }

    /// The last short window of each subject, except contested ones.
    func finish() -> [IPAddress: Window] {
        tracker.finish()
        takeWindows()
        return Dictionary(
            windows.filter { $0.scale == .short && !$0.isContested }.map { ($0.subject, $0) },
            uniquingKeysWith: { $1 })
    }
}

private let web = IPAddress(v4: 0x0A00_0001)
private let job = IPAddress(v4: 0x0A00_0002)
private let database = IPAddress(v4: 0x0A00_0003)

struct PortAttributionTests {
    private let webFacts = PortFacts(port: 1, name: "veth1", addresses: [web], host: 1)
    private let jobFacts = PortFacts(port: 2, name: "veth2", addresses: [job], host: 2)
    /// A container that takes the MAC address of a router of the baseline does not get its role:
    /// neither one that had another address before, nor one that has a known host's IP address.
    @Test(arguments: [true, false]) func aMACAddressMakesNoRouter(isLate: Bool) throws {
        var graph = CommunicationGraph()
        let router: UInt64 = 0x0242_0000_0001
        graph.links[MACAddress(router)] = CommunicationGraph.Link(
            addresses: [IPAddress(v4: 0xC633_6401)], isRouter: true)
        graph.links[MACAddress(2)] = CommunicationGraph.Link(addresses: [job], isRouter: false)
        let ports = Ports(graph: graph)
        ports.know(webFacts, databaseFacts)
        if isLate {
            ports.know(
                PortFacts(port: 2, name: "veth2", mac: MACAddress(9), addresses: [job], host: 2))
            ports.send("10.0.0.2", "10.0.0.1", by: 2, mac: 9)
        }
        ports.know(
            PortFacts(
                port: 2, name: "veth2", mac: MACAddress(router), addresses: [job], host: 2))
        for number in 0..<20 {
            ports.send(
                "10.0.0.2", "10.0.0.3", by: 2, from: UInt16(41_000 + number), to: 5432, at: 2,
                mac: router)
        }
        let window = try #require(ports.finish()[job])
        #expect(window.evidence == .port && window[.flows] >= 20)
    }

    private let databaseFacts = PortFacts(port: 3, name: "veth3", addresses: [database], host: 3)

    private func node() -> Ports {
        let ports = Ports()
        ports.know(webFacts, jobFacts, databaseFacts)
        return ports
    }

    /// A flood with a neighbour's IP address, and in one case with its MAC address too.
    @Test(arguments: [1 as UInt64, 2])
    func aForgedFloodIsHeldAgainstThePortThatItCameBy(mac: UInt64) throws {
        let ports = node()
        for number in 0..<200 as Range<UInt16> {
            let client = 30_000 + number
            ports.send("10.0.0.1", "10.0.0.3", by: 2, from: client, mac: mac)
            // The victim answers the owner of the address, which refuses.
            ports.send("10.0.0.3", "10.0.0.1", by: 3, from: 80, to: client, flags: 0x12, mac: 3)
            ports.send("10.0.0.1", "10.0.0.3", by: 1, from: client, flags: 4, mac: 1)
        }
        let windows = ports.finish()
        let window = try #require(windows[job])
        #expect(window[.flows] == 200 && window.forgedCount == 200 && window[.foreignSources] == 1)
        #expect(window[.packetsOut] == 200, "the owner's refusals are not the sender's doing")
        #expect(window.evidence == .port && window.port == 2 && window.portName == "veth2")
        #expect(windows[web] == nil && windows[database] == nil)
    }

    @Test func silenceTransfersNothing() throws {
        let ports = Ports()
        ports.send("10.0.0.1", "10.0.0.3", by: 1)
        ports.send("10.0.0.2", "10.0.0.3", by: 2)
        ports.send("10.0.0.1", "10.0.0.3", by: 2, from: 41_000, at: 3600)
        // The owner's own packets are attributed to it.
        ports.send("10.0.0.1", "10.0.0.3", by: 1, from: 42_000, at: 3601)
        let windows = ports.finish()
        #expect(windows[job]?.forgedCount == 1 && windows[web]?.forgedCount == 0)
        #expect(windows[web]?[.flows] == 1)
    }

    @Test func aPortThatIsNewTakesNoAddressOfOthers() {
        let ports = Ports()
        ports.send("10.0.0.1", "10.0.0.3", by: 1)
        ports.send("10.0.0.1", "10.0.0.3", by: 7, from: 41_000, at: 20, mac: 7)
        // The sender is unknown: its port is queried, and no host is blamed.
        #expect(ports.tracker.contestedCount == 1)
        #expect(ports.tracker.takeWantedPorts() == [1, 7])
        #expect(ports.tracker.takeWantedPorts().isEmpty)
        ports.know(PortFacts(port: 7, name: "veth7", addresses: [job]))
        ports.send("10.0.0.1", "10.0.0.3", by: 7, from: 42_000, at: 21, mac: 7)
        let windows = ports.finish()
        #expect(windows[job]?.forgedCount == 1)
        #expect(windows[web].map { $0.endSecond < 1_000_020 } ?? true)
    }

    @Test func whatIsInjectedIntoAFlowCountsForItsOwnPort() {
        let ports = node()
        ports.send("10.0.0.1", "10.0.0.3", by: 1)
        ports.send("10.0.0.3", "10.0.0.1", by: 3, from: 80, to: 40_000, flags: 0x12)
        ports.send("10.0.0.1", "10.0.0.3", by: 1, flags: 0x10)
        for _ in 0..<30 { ports.send("10.0.0.1", "10.0.0.3", by: 2, flags: 0x18) }
        // Answers can be forged as well.
        for _ in 0..<30 {
            ports.send("10.0.0.3", "10.0.0.1", by: 2, from: 80, to: 40_000, flags: 4)
        }
        let windows = ports.finish()
        #expect(windows[web]?[.packetsOut] == 2 && windows[web]?.forgedCount == 0)
        #expect(windows[job]?.forgedCount == 60 && windows[job]?[.packetsOut] == 60)
        #expect(windows[job]?[.foreignSources] == 2)
    }

    @Test func aForgedClaimOfAnAddressCountsForItsOwnPort() {
        let ports = node()
        ports.claim("10.0.0.1", by: 2, mac: 1)
        ports.claim("10.0.0.3", by: 3, mac: 3)
        let windows = ports.finish()
        #expect(windows[job]?[.foreignSources] == 1 && windows.count == 1)
    }

    @Test func anAddressIsFreeWhenItsPortHasGone() {
        let ports = Ports()
        ports.send("10.0.0.1", "10.0.0.3", by: 1)
        ports.remove(1)
        ports.send("10.0.0.1", "10.0.0.3", by: 9, from: 41_000, at: 1)
        let windows = ports.finish()
        #expect(windows[web]?.port == 9 && windows[web]?[.flows] == 1)
        #expect(windows[web]?.forgedCount == 0)
    }

    @Test func anAddressMovesWhenTheKernelListsItElsewhere() {
        let ports = node()
        var other = jobFacts
        other.addresses.append(web)
        // While both list it, it accuses nobody.
        ports.know(other)
        ports.send("10.0.0.1", "10.0.0.3", by: 2)
        var former = webFacts
        former.addresses = []
        ports.know(former, other)
        ports.send("10.0.0.1", "10.0.0.3", by: 2, from: 41_000, at: 1)
        let windows = ports.finish()
        // All addresses of a port are those of one host.
        #expect(windows[job]?[.flows] == 2 && windows[job]?.forgedCount == 0)
        #expect(windows[job]?.port == 2 && windows[web] == nil)
    }

    @Test func whatTheKernelListsGoesBeforeWhatSomebodyUsed() {
        let ports = Ports()
        ports.know(jobFacts)
        // An unowned address is used, and then assigned to a container.
        ports.send("10.0.0.1", "10.0.0.3", by: 2)
        ports.know(webFacts)
        ports.send("10.0.0.1", "10.0.0.3", by: 1, from: 41_000, at: 20)
        ports.send("10.0.0.1", "10.0.0.3", by: 2, from: 42_000, at: 20)
        let windows = ports.finish()
        #expect(windows[web]?[.flows] == 1 && windows[web]?.forgedCount == 0)
        #expect(windows[web]?.isListedAtPort == true && windows[job]?.forgedCount == 1)
    }

    @Test func aLinkLocalAddressIsItsContainers() {
        let ports = node()
        let (local, other) = ("fe80::1", "fe80::2")
        ports.send(local, "fe80::9", by: 2)
        ports.send(other, "fe80::9", by: 3)
        ports.send(local, "fe80::9", by: 3, from: 41_000)
        let windows = ports.finish()
        #expect(windows[job]?[.flows] == 1 && windows[job]?.forgedCount == 0)
        #expect(windows[database]?[.flows] == 2 && windows[database]?.forgedCount == 1)
    }

    @Test func aHostWithTwoPortsAnswersByEither() {
        let ports = Ports()
        ports.know(webFacts, PortFacts(port: 4, name: "veth4", addresses: [job], host: 1))
        ports.send("10.0.0.1", "10.0.0.3", by: 4)
        let windows = ports.finish()
        #expect(windows[web]?[.flows] == 1 && windows[web]?.forgedCount == 0)
        #expect(windows[job] == nil)
    }

    @Test func whatTheNodeForwardsCountsWhereItCameIn() {
        let ports = node()
        ports.send("10.0.0.1", "10.0.0.9", by: 1)
        ports.send("10.0.0.1", "10.0.0.3", by: 5, type: .outgoing)
        ports.send("192.0.2.7", "10.0.0.3", by: 5, type: .outgoing)
        let windows = ports.finish()
        #expect(windows[web]?[.flows] == 1)
        #expect(windows[IPAddress(v4: 0xC000_0207)]?.evidence == .address)
        #expect(ports.tracker.contestedCount == 0)
    }

    @Test func whatComesFromBeyondACardIsNotHeldAgainstTheOwnerOfTheAddress() {
        let ports = node()
        ports.know(PortFacts(port: 6, name: "eth1", isShared: true))
        ports.send("10.0.0.1", "10.0.0.3", by: 6, mac: 0xFE)
        ports.send("192.0.2.7", "10.0.0.3", by: 6, mac: 0xFE)
        let windows = ports.finish()
        #expect(windows[web] == nil && windows[IPAddress(v4: 0xC000_0207)] != nil)
        #expect(ports.tracker.contestedCount == 1)
    }

    @Test func twoFurtherAddressesAreTakenForItsOwnAndNoMore() {
        let ports = node()
        for number in 10..<15 { ports.send("10.0.0.\(number)", "10.0.0.3", by: 2) }
        ports.send("203.0.113.5", "10.0.0.3", by: 2)
        let windows = ports.finish()
        // All of it is attributed to the address that the kernel lists.
        #expect(windows[job]?.forgedCount == 4 && windows[job]?[.flows] == 6)
        #expect(windows.count == 1)
    }
}

/// Without ports, MAC and IP addresses are the evidence; an IP address that two MAC addresses use
/// is none.
struct ContestedAddressTests {
    @Test(arguments: [2 as UInt64, 7])
    func anIdleOwnerIsNotBlamedForWhatOthersDoInItsName(mac: UInt64) throws {
        let ports = Ports()
        ports.send("10.0.0.1", "10.0.0.3", by: 0, mac: 1)
        ports.send("10.0.0.2", "10.0.0.3", by: 0, mac: 2)
        for number in 0..<50 as Range<UInt16> {
            ports.send("10.0.0.1", "10.0.0.3", by: 0, from: 30_000 + number, at: 600, mac: mac)
        }
        ports.send("10.0.0.1", "10.0.0.3", by: 0, from: 41_000, at: 601, mac: 1)
        let windows = ports.finish()
        // The owner continues, and only its own packets are attributed to it.
        #expect(windows[web]?[.flows] == 1 && windows[web]?[.foreignSources] == 0)
        let contested = ports.windows.last { $0.isContested && $0.scale == .short }
        if mac == 2 {
            #expect(windows[job]?[.flows] == 50 && windows[job]?[.foreignSources] == 1)
            #expect(windows[job]?.evidence == .mac && contested == nil)
        } else {
            #expect(contested?[.flows] == 50 && contested?.subject == web)
            #expect(contested?.evidence == .address)
        }
    }

    @Test func aNewCardWithOnesOwnAddressIsNothingSpecial() {
        let ports = Ports()
        ports.send("10.0.0.1", "10.0.0.3", by: 0, mac: 1)
        let windows = ports.finish()
        #expect(windows[web]?.evidence == .mac && !(windows[web]?.isContested ?? true))
    }

    /// An acknowledgment of 1 completes a handshake; nil: none is sent.
    @Test(arguments: [1, 7, nil] as [UInt32?])
    func whoCompletesHandshakesReceivesWhatIsSentToItsAddress(acknowledgment: UInt32?) {
        let ports = Ports()
        for number in 0..<10 as Range<UInt16> {
            let client = 30_000 + number
            ports.send("192.0.2.7", "10.0.0.3", by: 0, from: client, mac: 0xFE)
            ports.send("10.0.0.3", "192.0.2.7", by: 0, from: 80, to: client, flags: 0x12, mac: 3)
            guard let acknowledgment else { continue }
            // A sender that does not receive the answer can only guess its number.
            ports.send(
                "192.0.2.7", "10.0.0.3", by: 0, from: client, flags: 0x10, mac: 0xFE,
                acknowledgment: acknowledgment)
        }
        let window = ports.finish()[IPAddress(v4: 0xC000_0207)]
        #expect(window?.evidence == (acknowledgment == 1 ? .handshake : .address))
        #expect(window?.handshakeCount == (acknowledgment == 1 ? 10 : 0))
    }
}
