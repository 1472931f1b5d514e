public import BaselineGraph
public import FlowMetering
public import Indicators
import NetworkAddresses
public import PacketDecoding
public import SenderAttribution
public import Workloads
public import Timestamps

/// Keeps sliding windows for every address that opens flows, and completes a window of each scale
/// whenever its newest bucket is complete and not empty.
///
/// For each packet, call `advance(to:)` with its time, `nextWindow()` until it returns false, then
/// `observe`.
///
/// The subject is the initiator: traffic that an address receives or answers is not charged to it.
/// Memory is bounded: a host costs at most about 250 KB, however many peers it talks to, and there
/// are at most `hostLimit` of them. When full, a new host replaces a transient one, and a known
/// workload replaces any unknown host; otherwise the new host is dropped. Both are counted in
/// `droppedHosts`.
public struct WindowTracker: Sendable {
    /// How the graph is used.
    public enum Mode: Sendable {
        /// No baseline: nothing is new.
        case withoutBaseline
        /// Everything that is not in the baseline is new.
        case monitoring
        /// Facts that were seen only in the current epoch are new.
        case training
    }

    public internal(set) var droppedHosts = 0
    public internal(set) var links: MACBindingTable
    var ports: PortTable
    /// Frames with a borrowed source address that were attributed to no host, because the sender is
    /// unknown.
    public internal(set) var contestedCount: UInt64 = 0
    var graph: CommunicationGraph?
    let mode: Mode
    let hostLimit: Int
    /// Whether memory is short. If so, a new host is added only in place of another.
    public var isCramped = false
    var resolver: IdentityResolver
    var hosts: [HostState] = []
    var slots: [IPAddress: Int] = [:]
    /// The last number that was given to a host.
    var lastNumber: UInt64 = 0
    /// Hosts that use an address of another host.
    var contested: [IPAddress: Int] = [:]
    var free: [Int] = []
    /// The second in which packets are counted; seconds before `target` are being ended.
    @usableFromInline var second = Int.min
    @usableFromInline var target = Int.min
    /// The first second that was seen.
    var firstSecond = Int.min
    /// The host whose probes in the current second have reached `leastProbes`, or doubled; or -1.
    @usableFromInline var earlySlot = -1
    /// Whether `nextEarlyWindow` is called.
    public var judgesEarly = false
    /// The host and scale of the next window in the second that is being ended.
    var turn = (slot: 0, scale: 0)
    /// The window that `nextWindow` has completed, or whose values `nextValues` has; read in place,
    /// since it is large.
    public internal(set) var window: Window
    var responders = FlowResponders()
    /// How far each flow's opener went on without an answer.
    var progress: [FlowProgress] = []
    /// Who asked whom over QUIC, and who accepted whose connection of HTTPS.
    var webPairs = RecentPairs()
    var fallbacks = FamilyFallbacks()
    var relay = ForwardedQueries()
    var arrivals = Arrivals()
    var outages = Outages()
    /// The same for services that refuse their clients' logins.
    var refusals = Outages()
    var targets = TargetTable()
    /// ARP requests and neighbour solicitations, which make an announcement an answer.
    var solicitations = Arrivals()
    /// The hosts that sent the last neighbour solicitations, as flows' tags name them, by the
    /// address that they used.
    var askers: [IPAddress: UInt32] = [:]
    /// Who sent packets to groups, and which addresses hosts have certainly used.
    var groupCalls = RecentPairs()
    var present = RecentPairs(seconds: 600)
    var namedHops = NamedHops()
    /// Where each address was announced first.
    var announced: [IPAddress: Station] = [:]
    var disputes = AddressDisputes()
    var announcements = AnnouncementRates()
    /// Frames to all hosts of a link, and pings of whole networks.
    var groupRates = AnnouncementRates()
    /// Packets that no flow counts.
    var strayRates = AnnouncementRates()
    /// Who sent packets without ports, or of tunnels, to whom: an ICMP error may quote one.
    var rarePairs = RecentPairs()
    var outerFlows = OuterFlows()
    /// Whether the current packet is in a datagram by which a host answers another, at a port that
    /// is no tunnel's: what is in it may be the other's.
    var isRelayed = false
    var questions = Questions()
    var requests = Requests()
    /// The first DHCP server and the first router that advertised itself, without a baseline.
    var firstServer: Station?
    /// Whether a known DHCP server has answered, and the last client that asked.
    var dhcp: (hasServer: Bool, asker: Station?, askedSecond: Int) = (false, nil, Int.min / 2)
    var firstAdvertiser: Station?
    /// Addresses and names that are looked for; nil: none.
    public var indicators: IndicatorTable?
    var sightings = SightingLog()
    let sharers: AddressSharers
    /// Where the search for a transient host continues.
    var hand = 0

    /// A flow's tag: the slot of its opener + 1 in 22 bits; whether it answers a question to a
    /// group, or, if unsolicited, whether its first packet was counted; whether it was unsolicited;
    /// six bits of the slot's generation; whether the second that it was opened in is odd; whether
    /// its pair is new.
    static let slotMask: UInt32 = 0x3F_FFFF
    static let newEdgeBit: UInt32 = 1 << 31
    static let oddSecondBit: UInt32 = 1 << 30
    static let generationMask: UInt8 = 0x3F

    public init(
        inventory: Inventory, remembered: Inventory = .empty, graph: CommunicationGraph?,
        mode: Mode, hostLimit: Int = 100_000
    ) {
        self.graph = mode == .withoutBaseline ? nil : graph
        self.mode = mode
        self.hostLimit = hostLimit
        // Only addresses: memory is taken where hosts are, and none is copied as the table grows.
        hosts.reserveCapacity(hostLimit)
        resolver = IdentityResolver(
            identities: IdentityMap(inventory: inventory, remembered: remembered))
        let known = inventory.isEmpty ? remembered : inventory
        sharers = AddressSharers(known)
        links = MACBindingTable(
            graph: graph, inventory: known, isLearning: mode == .training, sharers: sharers)
        ports = PortTable(graph: graph, inventory: known, sharers: sharers)
        window = Window(
            subject: .unspecified, mac: .zero, scale: .short, endSecond: 0, ageSeconds: 0,
            values: [Float](repeating: 0, count: Feature.count), contact: Contact(),
            newContact: Contact())
    }

    /// Replaces the graph; from now on novelty is judged by the new one.
    public mutating func replaceGraph(_ graph: CommunicationGraph) {
        self.graph = graph
        resolver.forget()
        responders.forgetPlaces()
        for slot in hosts.indices where hosts[slot].isLive {
            hosts[slot].resolved = resolver.resolve(hosts[slot].address, in: graph)
        }
    }

    /// Number of hosts that are watched now.
    public var hostCount: Int { slots.count + contested.count }

    /// The number of slots, used or free, including those of hosts whose address has a new owner.
    var slotCount: Int { hosts.count }

    /// Whether a packet opens a flow that is charged to its sender: no answer, no error message,
    /// and no packet from the middle of a connection.
    static func opensFlow(_ packet: Packet, _ update: FlowUpdate) -> Bool {
        guard update.events.contains([.started, .fromOriginator]),
            !update.events.contains(.midstream)
        else { return false }
        switch packet.ipProtocol {
        case 1: return ![0, 3, 4, 5, 11, 12, 14, 16, 18].contains(packet.icmpType)
        case 58:
            // No error, no answer, no message of discovery.
            switch packet.icmpType {
            case 0...4, 129...138, 140...155, 161: return false
            default: return true
            }
        // A packet from a service port to an unprivileged one is a late answer; a DHCP server's
        // packets answer broadcasts.
        case 17:
            return packet.sourcePort >= 1024
                || packet.destinationPort < 1024 && packet.announcement != .dhcpReply
        default: return true
        }
    }

    /// Ends every second before that of `time`; `nextWindow` returns the complete windows.
    public mutating func advance(to time: Timestamp) {
        let reached = time.second
        guard reached > second else { return }
        if second == Int.min { (second, firstSecond) = (reached, reached) }
        target = max(target, reached)
    }

    /// Ends the current second as well, at the end of a capture.
    public mutating func finish() {
        guard second != Int.min else { return }
        target = max(target, second) + 1
    }

    /// Whether a second has ended since `nextTarget` and `nextWindow` had no other window.
    @inlinable
    public var hasEndedSecond: Bool { second < target }

    /// Completes the next window of the seconds that have ended, by time, in `window`; false if
    /// there is no other.
    public mutating func nextWindow() -> Bool {
        guard nextValues() else { return false }
        completeWindow()
        return true
    }

    /// The same, but only what says whether a window is ordinary: slot, host number, subject,
    /// identity, scale, time, values, `takeover` and `outage`. The rest is that of an earlier
    /// window until `completeWindow` is called, before anything else of the tracker.
    public mutating func nextValues() -> Bool {
        guard second < target else { return false }
        return nextFullWindow()
    }

    /// Processes one packet and its effect on its flow.
    ///
    /// - Precondition: `advance` was called with its time, and `nextWindow` has returned false.
    /// - Returns: the tag to store with the flow, if it changes.
    public mutating func observe(_ packet: Packet, _ update: FlowUpdate) -> UInt32? {
        precondition(second >= target, "windows that ended before a packet are taken first")
        isRelayed = packet.tunnel != .none && observeOuter(packet)
        if !disputes.isEmpty, packet.tunnel == .none { decideDisputes(packet) }
        if packet.kind == .arp {
            observeARP(packet)
            return nil
        }
        guard packet.kind == .ip else {
            noteOther(packet)
            return nil
        }
        if packet.announcement != .none { observeAnnouncement(packet) }
        if packet.destinationMAC.isGroup {
            noteGroup(packet)
            groupCalls.note(packet.source, second: second)
        }
        if packet.ipProtocol != 6 && packet.ipProtocol != 17 || packet.tunnel != .none {
            noteRare(packet, update)
        }
        if packet.dns.kind == .query, packet.destinationPort == 53, !isToItself(packet) {
            relay.note(packet.dns.nameDigest, askedOf: packet.destination)
        }
        if packet.fragment == .later, update.flow < 0 {
            countOrphan(packet)
            return nil
        }
        if update.relatedEvents.contains(.refused) { noteUnreachable(packet, update) }
        serve(packet, update)
        if update.events.contains(.started) {
            let tag = open(packet, update)
            if packet.ipProtocol == 17, packet.tunnel == .none { noteOuter(packet, tag) }
            return tag
        }
        if update.events.contains(.answered) {
            links.noteNextHop(packet)
            learnAnswerer(packet, update)
            if accepts(packet, update) { _ = noteRouted(packet) }
        }
        if packet.port != 0, !isRelayed, !ports.isSettled(packet),
            let sender = portSender(of: packet), sender.isForeign || sender.isNobody,
            !isDelegated(packet, update)
        {
            let isAnswer = !update.events.contains(.fromOriginator)
            countInjected(packet, sender, isAnswer: isAnswer)
            // Whoever sent it, the host received it.
            if isAnswer, let slot = liveSlot(update.tag) {
                hosts[slot].now[.bytesIn] &+= UInt64(packet.ipLength)
            }
            return nil
        }
        if update.tag == 0, hostCount >= hostLimit,
            update.events.contains([.acknowledged, .fromOriginator]), !isRelayed
        {
            return openLate(packet, update)
        }
        if update.tag & Self.unsolicitedBit != 0 { return countUnsolicited(packet, update) }
        if update.events.contains(.excessive) { countExcess(packet) }
        count(packet, update)
        return nil
    }

    // MARK: - Packets

    mutating func count(_ packet: Packet, _ update: FlowUpdate) {
        guard update.tag != 0 else { return }
        guard let slot = liveSlot(update.tag) else { return }
        // An answer of the owner of a borrowed address is not the borrower's traffic.
        if packet.port != 0, packet.packetType != .outgoing, hosts[slot].port != 0,
            update.events.contains(.fromOriginator),
            packet.source != hosts[slot].address, ports.owner(of: packet.source) == packet.port,
            hosts[slot].port != packet.port
        {
            return
        }
        if packet.port == 0 {
            let isOthers =
                update.events.contains(.fromOriginator)
                ? packet.sourceMAC != hosts[slot].mac && isInjected(packet, slot)
                : packet.ipProtocol == 6 && packet.tcpFlags & 0x04 != 0 && isInjectedReset(packet)
            if isOthers { return }
        }
        var now = hosts[slot].now
        var failed: ServiceOutage?
        now[.activity] &+= 1
        // The answer to an unsolicited segment: RST alone, without data (RFC 9293, 3.10.7.1).
        if update.events.contains([.reset, .fromOriginator]), packet.tcpFlags & 0x3F == 0x04 {
            now[.nxdomain] &+= Counters.high
        }
        if update.events.contains(.acknowledged) {
            if isWitnessed(packet, update.tag, slot) { now[.proof] &+= Counters.high }
            hosts[slot].noteAcknowledgment(packet.time)
            noteHandshake(packet)
            if packet.source != hosts[slot].address, noteRouted(packet) { return }
        }
        if update.events.contains(.fromOriginator) {
            now[.packetsOut] &+= 1
            now[.bytesOut] &+= UInt64(packet.ipLength)
            if packet.ipProtocol == 1 || packet.ipProtocol == 58 {
                now[.icmp] &+= Counters.high | UInt64(packet.payloadLength)
            }
            if packet.login == .attempt {
                responders.noteAttempt(
                    packet.credentials, on: update.flow,
                    isRepeated: update.events.contains(.retransmission))
            }
            if packet.payloadLength > 0 {
                if hosts[slot].openedTracks > 0 { hosts[slot].noteRequest(packet) }
                if update.tag & Self.newEdgeBit != 0
                    || Requests.areUsual(at: packet.destinationPort)
                {
                    noteMessage(packet, slot)
                }
            }
            if isOutside(packet.destination, update.flow) {
                now[.bytesOutside] &+= UInt64(packet.ipLength)
            }
            if packet.dns.kind != .none || packet.fragment == .later {
                noteNames(packet, update.tag, slot, &now)
            }
        } else {
            now[.bytesIn] &+= UInt64(packet.ipLength)
            if isOutside(packet.source, update.flow) {
                now[.bytesFromOutside] &+= UInt64(packet.ipLength)
            }
            if packet.dns.kind == .response, packet.dns.responseCode == 3,
                !relay.isRelayed(packet.dns.nameDigest, by: hosts[slot].address)
            {
                now[.nxdomain] &+= 1
            }
        }
        if update.events.contains(.answered), isToAnotherHost(packet, slot) {
            now[.nxdomain] &+= Counters.high
        }
        noteProgress(packet, update, slot)
        if update.events.contains(.answered), update.tag & Self.answerBit == 0 {
            noteAnswer(packet, isRefusal: update.events.contains(.refused))
            if (update.tag & Self.oddSecondBit != 0) == (second & 1 == 1),
                second - update.start.second < 2
            {
                hosts[slot].noteAnswer(update.start, isNew: update.tag & Self.newEdgeBit != 0)
            } else {
                hosts[slot].awaited.noteAnswer(update.start)
            }
            if update.events.contains(.refused) {
                if update.tag & Self.newEdgeBit == 0, hasGraph {
                    let (isDown, outage) = noteRefusal(packet, slot)
                    if isDown { now[.logins] &+= Counters.high }
                    failed = outage
                }
            } else {
                if packet.ipProtocol == 6 { noteReplacement(packet, slot) }
                now[.accepted] &+= 1
                // Somebody cut it off: another try is no more than one of a service that is down.
                if update.events.contains(.reset), packet.tcpFlags & 0x12 == 0x12 {
                    now[.bytesOut] &+= 1 << Counters.amountBits
                }
                if update.tag & Self.newEdgeBit != 0 {
                    now[.newEdges] &+= 1
                    let keys = HostState.keys(
                        of: packet.source, packet.ipProtocol, packet.sourcePort)
                    hosts[slot].noteAccepted(keys, second: second)
                }
                let service = Service(ipProtocol: packet.ipProtocol, port: packet.sourcePort)
                if service.asksForLogin {
                    now[.logins] &+= 1
                    hosts[slot].loginServiceContact = contact(with: packet.source, packet)
                }
            }
        }
        if !update.events.isDisjoint(with: Self.loginEvents) {
            noteLogin(packet, update, slot, &now)
        }
        hosts[slot].now = now
        hosts[slot].lastSecond = second
        if let failed { noteOutage(failed, packet) }
    }
}
