import BaselineGraph
import NetworkAddresses
import SenderAttribution
import PacketDecoding
import Workloads
import Timestamps

/// Intervals between flows to one peer and port, and the sizes of their first requests.
struct IntervalTrack: Sendable {
    /// The least number of requests whose sizes are compared, and the least time over which they
    /// are spread.
    private static let leastRequests: Int32 = 20
    private static let leastSeconds = 120.0

    var key: UInt64
    var last: Timestamp
    var count: Int32 = 0
    var mean: Double = 0
    var squares: Double = 0
    /// Whether the last flow has sent no request yet.
    private(set) var isOpened = true
    /// Flows that sent a request; those with the size that most of them have, as far as the vote
    /// of Boyer and Moore knows it.
    private var requests: Int32 = 0
    private var equal: Int32 = 0
    private var votes: Int32 = 0
    private var size: UInt32 = 0

    init(key: UInt64, last: Timestamp) {
        self.key = key
        self.last = last
    }

    /// Adds an interval by Welford's update; flows opened at the same moment count once.
    mutating func beat(at time: Timestamp) {
        let interval = (time - last).inSeconds
        guard interval >= 0.5 else { return }
        isOpened = true
        last = time
        count += 1
        let delta = interval - mean
        mean += delta / Double(count)
        squares += delta * (interval - mean)
    }

    /// The regularity of the intervals: 1 for constant ones, 0 for random or more scattered ones,
    /// or for fewer than five.
    func regularity(now: Timestamp) -> Float {
        guard count >= 5, mean > 0, (now - last).inSeconds < mean * 3 else { return 0 }
        let deviation = (squares / Double(count)).squareRoot()
        return max(Float(max(0, 1 - deviation / mean)), equalRequests)
    }

    /// Counts the first packet with data of the last flow.
    mutating func request(size: UInt32) {
        guard isOpened else { return }
        isOpened = false
        requests += 1
        if votes == 0 {
            if self.size != size { equal = 0 }
            self.size = size
        }
        votes += self.size == size ? 1 : -1
        equal += self.size == size ? 1 : 0
    }

    /// The share of requests of equal size, if they are many and spread over minutes: a client that
    /// polls at random intervals still sends the same question. 0 for fewer than nine of ten.
    private var equalRequests: Float {
        guard requests >= Self.leastRequests, equal * 10 >= requests * 9,
            Double(count) * mean >= Self.leastSeconds
        else { return 0 }
        return Float(equal) / Float(requests)
    }
}

/// The state of one address that opens flows, over the last ten minutes.
struct HostState: Sendable {
    // What is read for each packet comes first, in few cache lines.
    let address: IPAddress
    var mac = MACAddress.zero
    /// The port of the node by which its packets come; 0: unknown.
    var port: UInt32 = 0
    var isLive = true
    /// Whether something was counted in the current second.
    private(set) var isDirty = false
    /// Whether the address belongs to another host: its use is counted apart from the owner's
    /// traffic.
    let isContested: Bool
    /// Changes whenever the slot is assigned to another host.
    var generation: UInt8
    var lastSecond: Int
    /// The next second whose end matters even if nothing is counted in it: a window becomes due, or
    /// the host may be removed.
    var wakeSecond: Int
    /// The last second whose end was applied to the buckets.
    private var rolledSecond: Int
    /// The last second in which a packet had only its address as evidence, and the last one in
    /// which it had only its MAC address.
    var addressSecond = Int.min / 2
    var macSecond = Int.min / 2
    /// The last second in which it used an address of another known host.
    var othersSecond = Int.min / 2
    /// The last second in which it used a foreign address that it had not announced, or that
    /// another station uses, too.
    var secretSecond = Int.min / 2
    /// The first host that completed a handshake with it on a pair that is not in the baseline; 0:
    /// none.
    var witness: UInt64 = 0
    /// Unanswered flows opened in the current second, which is too early to count them as failed.
    var pending: UInt64 = 0
    /// Those of them that were opened in its last half, whose answers may be on their way when it
    /// ends; and of these, those on new pairs.
    var underWay: UInt32 = 0
    var newUnderWay: UInt32 = 0
    var awaited = AwaitedAnswers()
    /// Connections whose answer it acknowledged in the current second; in its last half; and in an
    /// earlier second.
    var acknowledged: (all: UInt32, late: UInt32) = (0, 0)
    var acknowledgedBefore: (count: UInt32, second: Int) = (0, Int.min / 2)
    /// Flows that it opened, and probes that it sent, in the current second.
    var probes: UInt32 = 0
    /// Tracks whose flow was opened in the current second and has sent no request yet.
    private(set) var openedTracks = 0
    var tracks: [IntervalTrack] = []
    /// The current second.
    var now = Counters(repeating: 0) {
        didSet { isDirty = true }
    }

    let firstSecond: Int
    var resolved: Resolved
    var identity: Identity
    /// Distinguishes it from all hosts, and from itself with another identity.
    var number: UInt64
    private(set) var ring = BucketRing()

    var peers = DistinctWindow()
    var ports = DistinctWindow()
    var edges = DistinctWindow()
    var networks = DistinctWindow()
    var outsidePeers = DistinctWindow()
    var names = DistinctWindow()
    var arpTargets = DistinctWindow()
    /// Those of them that answered.
    var arpAnswers = DistinctWindow()
    var foreignSources = DistinctWindow()
    var protocols = DistinctWindow()
    /// Pairs that are not in the baseline, or whose outside address is not, or name servers, to
    /// which a client may have asked it to connect.
    var requested = DistinctWindow()
    /// Pairs not in the baseline that accepted a flow, or did and are tried again; their peers, as
    /// far as the baseline does not have these.
    var acceptedEdges = DistinctWindow()
    var acceptedPeers = DistinctWindow()
    var oneSided = OneSidedWindow()
    var unsolicited = UnsolicitedWindow() {
        didSet { isDirty = true }
    }

    /// The sizes of its last short conversations.
    var conversations = RecentSizes()
    var refusedCredentials = RecentCredentials()
    /// The last long names that it asked for.
    var longNames = RecentNames()
    /// Bytes of names that could not be read, and were not counted yet.
    var unreadNames: UInt32 = 0
    /// How many long names it asked for below each of the last domains.
    var longDomains = RecentDomains()

    var triedAddresses = TriedAddresses()

    /// IPv6 addresses that it uses in a network that nobody knows.
    var ownIPv6: [IPAddress] = []

    /// The newest sign that it takes another host's place.
    var takeover: Takeover?
    /// The newest failure of a service that it offers.
    var outage: ServiceOutage?

    /// The last flow that it opened, and the last one on a pair that is not in the baseline.
    var lastContact = Contact()
    var lastNewContact = Contact()
    /// The last of those to each of the addresses that it met last; empty for most hosts.
    private(set) var newContacts: [Contact] = []
    /// The server of its last DNS question, and that of its last failed or unread login.
    var queryContact = Contact()
    var loginContact = Contact()
    /// The last flow that a service accepted which asks for a login.
    var loginServiceContact = Contact()

    /// The greatest number of `newContacts`.
    static let mostNewContacts = 8

    /// The greatest number of interval tracks of one host; the one that was silent longest is
    /// replaced.
    static let trackLimit = 16

    init(
        address: IPAddress, resolved: Resolved, identity: Identity, isContested: Bool,
        generation: UInt8, number: UInt64, second: Int
    ) {
        self.isContested = isContested
        self.address = address
        self.resolved = resolved
        self.identity = identity
        self.generation = generation
        self.number = number
        self.firstSecond = second
        self.lastSecond = second
        wakeSecond = second
        rolledSecond = second - 1
    }

    /// Numbers for a flow's peer, its service, and both together.
    static func keys(of packet: Packet) -> (peer: UInt64, service: UInt64, edge: UInt64) {
        keys(of: packet.destination, packet.ipProtocol, packet.destinationPort)
    }

    /// The same, by the receiver's address, the protocol and the receiver's port.
    @inline(__always)
    static func keys(
        of address: IPAddress, _ ipProtocol: UInt8, _ port: UInt16
    ) -> (peer: UInt64, service: UInt64, edge: UInt64) {
        let peer = address.high ^ DistinctWindow.mix(address.low)
        let service = UInt64(ipProtocol) << 16 | UInt64(counted(port, ipProtocol))
        return (peer, service, DistinctWindow.mix(peer &+ service))
    }

    /// The destination port; the first one for those that traceroute and tracepath count through,
    /// one for each probe of a path, and that no service has.
    private static func counted(_ port: UInt16, _ ipProtocol: UInt8) -> UInt16 {
        guard ipProtocol == 17 else { return port }
        switch port {
        case 33_434...33_534: return 33_434
        case 44_444...44_475: return 44_444
        default: return port
        }
    }

    /// Counts a packet with data, if it is the first one of a tracked flow.
    mutating func noteRequest(_ packet: Packet) {
        let key = Self.keys(of: packet).edge
        guard let index = tracks.firstIndex(where: { $0.key == key }), tracks[index].isOpened else {
            return
        }
        tracks[index].request(size: packet.payloadLength)
        openedTracks -= 1
    }

    mutating func beat(_ key: UInt64, at time: Timestamp) {
        openedTracks += 1
        if let index = tracks.firstIndex(where: { $0.key == key }) {
            tracks[index].beat(at: time)
        } else if tracks.count < Self.trackLimit {
            tracks.append(IntervalTrack(key: key, last: time))
        } else if let oldest = tracks.indices.min(by: {
            tracks[$0].last < tracks[$1].last
        }) {
            tracks[oldest] = IntervalTrack(key: key, last: time)
        }
    }

    /// Notes a flow on a pair that is not in the baseline.
    mutating func meet(_ contact: Contact) {
        lastNewContact = contact
        if let known = newContacts.firstIndex(where: { $0.address == contact.address }) {
            newContacts.remove(at: known)
        } else if newContacts.count == Self.mostNewContacts {
            newContacts.removeFirst()
        }
        newContacts.append(contact)
    }

    /// Whether the end of `second` matters for the host.
    func isDue(_ second: Int) -> Bool { isLive && (isDirty || wakeSecond <= second) }

    /// Ends `second`: removes the oldest buckets from the sums, and adds its counts to the newest.
    mutating func roll(_ second: Int) {
        expire(through: second)
        guard isDirty else { return }
        for scale in Scale.allCases {
            ring.add(now, to: scale.ringIndex(second))
        }
        now = Counters(repeating: 0)
        probes = 0
        openedTracks = 0
        unsolicited.roll(second)
    }

    /// Empties the buckets that the seconds up to `second` reuse, also those of seconds whose end
    /// did not matter.
    mutating func expire(through second: Int) {
        guard second > rolledSecond else { return }
        for scale in Scale.allCases {
            for bucket in scale.reused(after: rolledSecond, through: second) {
                ring.remove(scale.ringIndex(bucket: bucket))
            }
        }
        if !unsolicited.isEmpty { unsolicited.expire(after: rolledSecond, through: second) }
        rolledSecond = second
    }

    /// Waits for the next second whose end matters: that of a bucket in which something was
    /// counted, or `removal`.
    ///
    /// - Parameter awaits: whether answers that do not come matter.
    mutating func rest(after second: Int, until removal: Int, awaits: Bool) {
        isDirty = false
        wakeSecond = removal
        if awaits, awaited.areMany(at: second + 1) { wakeSecond = min(wakeSecond, second + 1) }
        for scale in [Scale.medium, .long] where hasChanged(scale, second) {
            let end = scale.bucketEnd(second)
            if end > second { wakeSecond = min(wakeSecond, end) }
        }
    }

    /// Prefetches what the end of `second` needs and lies outside the host itself; mutating, since
    /// the host would otherwise be copied.
    mutating func prefetchTables(_ second: Int) {
        ring.prefetch(Scale.short.ringIndex(second))
        peers.prefetch()
        ports.prefetch()
        edges.prefetch()
    }

    /// What was counted in the window of `scale` that ends with the last second that was ended.
    @inline(__always)
    func sum(_ scale: Scale) -> Counters { ring.sum(scale) }

    /// Whether anything happened in the newest bucket of `scale`, which ends with `second`.
    func hasChanged(_ scale: Scale, _ second: Int) -> Bool {
        ring[scale.ringIndex(second)].map { $0[.activity] > 0 } ?? false
    }
}
