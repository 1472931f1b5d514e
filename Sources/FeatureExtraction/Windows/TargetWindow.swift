public import NetworkAddresses
public import Workloads

/// What one address received over one window, from all senders: floods, scans and guesses are seen
/// here even if the source addresses are forged or many.
public struct TargetWindow: Sendable {
    public var target: IPAddress
    public var identity: Identity
    public var scale: Scale
    /// The last second of the window, inclusive (since 1970 UTC).
    public var endSecond: Int
    /// Seconds since the address was first watched.
    public var ageSeconds: Int
    public var counts = TargetCounts()
    /// Distinct senders.
    public var senders: Float
    /// Distinct destination ports that the target had not served before.
    public var ports: Float
    /// The counts that are usual in as many seconds: the lower quartiles of the last ten minutes,
    /// which a flood of some minutes does not raise. All are 0 if the target is new.
    public var usual: TargetCounts
    /// Whether one known sender sent most of the packets to such ports.
    public var hasOneProber: Bool
    /// The last packet's source, destination port and protocol.
    public var contact: Contact
    /// The counts of each bucket, the newest first; empty in a window that is kept.
    public var buckets: [TargetCounts] = []

    /// First second of the window.
    public var startSecond: Int { endSecond - scale.seconds + 1 }
}

/// Counts of what a target received.
public struct TargetCounts: Sendable {
    var columns = SIMD32<UInt32>(repeating: 0)

    public init() {}

    public enum Column: Int, CaseIterable, Sendable {
        /// Packets that open flows, by protocol.
        case tcp = 16, udp, icmp, other
        /// TCP flows whose handshake was completed; flows of other protocols that were answered.
        case completed
        /// Flows that the target refused.
        case refused
        /// Logins of outside clients that were refused, or whose outcome is not known.
        case logins
        /// Packets whose sender is known by its port or its MAC address, or whose flow's
        /// handshake was completed.
        case proven
        /// Packets with the source address of another host.
        case forged
    }

    /// Unsolicited packets of a kind.
    public subscript(kind: UnsolicitedKind) -> Int {
        get { Int(columns[kind.rawValue]) }
        set { columns[kind.rawValue] = UInt32(clamping: newValue) }
    }

    public subscript(column: Column) -> Int {
        get { Int(columns[column.rawValue]) }
        set { columns[column.rawValue] = UInt32(clamping: newValue) }
    }

    /// Packets that open flows.
    public var opened: Int { self[.tcp] + self[.udp] + self[.icmp] + self[.other] }
    public var unsolicited: Int {
        var sum = 0
        for column in 0..<UnsolicitedKind.count { sum += Int(columns[column]) }
        return sum
    }
    /// All of the packets.
    public var total: Int { opened + unsolicited }
}

/// The state of one target over the last ten minutes.
struct TargetState: Sendable {
    let address: IPAddress
    var isKnown: Bool
    var isLive = true
    /// Whether it received packets in the current second.
    var isActive = false
    let firstSecond: Int
    private(set) var newestSecond: Int
    private var now = TargetCounts()
    private var contact = Contact()

    private var ring = [SIMD32<UInt32>](repeating: SIMD32(repeating: 0), count: Scale.ringSize)
    private var sums = [SIMD32<UInt32>](
        repeating: SIMD32(repeating: 0), count: Scale.allCases.count)
    private var senders = DistinctWindow()
    private var ports = DistinctWindow()
    /// Ports that answered: one bit for each of 1,024 values of a port's low bits.
    private var served: [16 of UInt64] = .init(repeating: 0)
    /// Whether it ever answered.
    private(set) var isAlive = false
    /// The sender that may have sent most of the packets (Boyer and Moore 1981), halved every
    /// second.
    private var candidate = IPAddress.unspecified
    private var votes = 0
    private var lastTotal = 0
    /// Packets of the last second whose senders are not known.
    private var lastUnknown = 0
    /// The bucket of each scale that was looked at last.
    private var looked: [3 of Int] = .init(repeating: .min)
    /// The same for packets to ports that it does not serve, halved every minute.
    private var prober = IPAddress.unspecified
    private var proberVotes = 0
    private var probes = 0

    init(address: IPAddress, isKnown: Bool, second: Int) {
        self.address = address
        self.isKnown = isKnown
        firstSecond = second
        newestSecond = second
    }

    /// - Parameter isKnown: whether the sender is the host that has this address, and not an
    ///   unknown one that uses it.
    mutating func note(sender: IPAddress, isKnown: Bool, from contact: Contact) {
        self.contact = contact
        senders.insert(
            sender.high ^ DistinctWindow.mix(sender.low), second: contact.second, isNovel: false)
        let port = contact.port
        if contact.ipProtocol == 6 || contact.ipProtocol == 17 || contact.ipProtocol == 132,
            !serves(port)
        {
            ports.insert(
                UInt64(contact.ipProtocol) << 17 | UInt64(port) << 1 | 1, second: contact.second,
                isNovel: false)
            probes += 1
            if !isKnown {
                proberVotes -= min(proberVotes, 1)
            } else if proberVotes == 0 {
                (prober, proberVotes) = (sender, 1)
            } else {
                proberVotes += prober == sender ? 1 : -1
            }
        }
    }

    mutating func count(_ column: Int) { now.columns[column] &+= 1 }
    mutating func count(_ column: TargetCounts.Column) { count(column.rawValue) }

    /// Adds a packet of a sender to the vote for the sender of most of them.
    mutating func vote(for sender: IPAddress) {
        if votes == 0 {
            candidate = sender
            votes = 1
        } else {
            votes += candidate == sender ? 1 : -1
        }
    }

    /// Mutating, since all bits would be copied otherwise.
    private mutating func serves(_ port: UInt16) -> Bool {
        served[Int(port >> 6 & 15)] & 1 << UInt64(port & 63) != 0
    }

    mutating func serve(_ port: UInt16) {
        isAlive = true
        served[Int(port >> 6 & 15)] |= 1 << UInt64(port & 63)
    }

    /// Removes the buckets that `second` and those before it reuse.
    mutating func advance(to second: Int) {
        guard second > newestSecond else { return }
        for scale in Scale.allCases {
            let last = second / scale.bucketSeconds
            let steps = min(last - newestSecond / scale.bucketSeconds, scale.bucketCount)
            for step in 0..<steps {
                let index = scale.ringOffset + (last - step) % scale.bucketCount
                sums[scale.rawValue] &-= ring[index]
                ring[index] = SIMD32(repeating: 0)
            }
        }
        votes >>= min(second - newestSecond, 31)
        let minutes = second / Scale.medium.seconds - newestSecond / Scale.medium.seconds
        proberVotes >>= min(minutes, 31)
        probes >>= min(minutes, 31)
        newestSecond = second
    }

    /// Adds the counts of the newest second to its buckets.
    mutating func endSecond() {
        for scale in Scale.allCases {
            ring[scale.ringIndex(newestSecond)] &+= now.columns
            sums[scale.rawValue] &+= now.columns
        }
        lastTotal = now.total
        lastUnknown = lastTotal - min(now[.proven], lastTotal)
        now = TargetCounts()
        isActive = false
    }

    /// Whether the window of a scale should be looked at: once for each of its buckets.
    mutating func isDue(_ scale: Scale) -> Bool {
        let bucket = newestSecond / scale.bucketSeconds
        defer { looked[scale.rawValue] = bucket }
        return looked[scale.rawValue] != bucket
    }

    func counts(_ scale: Scale) -> TargetCounts {
        var counts = TargetCounts()
        counts.columns = sums[scale.rawValue]
        return counts
    }

    /// Whether one known sender sent most of the packets of the last second.
    var hasOneSender: Bool { votes * 4 > lastTotal }

    /// Whether packets of many unknown senders came in `second`, which has ended.
    func isCrowded(in second: Int) -> Bool {
        newestSecond == second && lastUnknown >= Self.leastCrowd
    }

    /// Packets of unknown senders in one second that may begin a flood.
    private static let leastCrowd = 20

    /// The lower quartiles of the long scale's full buckets since it was first seen, for `scale`.
    private func usual(_ scale: Scale, _ second: Int) -> TargetCounts {
        let long = Scale.long
        let ages = (1..<long.bucketCount).prefix {
            second - ($0 + 1) * long.bucketSeconds >= firstSecond
        }
        var usual = TargetCounts()
        guard !ages.isEmpty else { return usual }
        for column in 0..<usual.columns.scalarCount {
            let totals = ages.map { age in
                ring[long.ringIndex(second - age * long.bucketSeconds)][column]
            }
            let quartile = Int(totals.sorted()[totals.count / 4])
            usual.columns[column] = UInt32(
                clamping: (quartile * scale.seconds + long.bucketSeconds / 2) / long.bucketSeconds)
        }
        return usual
    }

    mutating func window(_ scale: Scale, _ second: Int, identity: Identity) -> TargetWindow {
        let counts = counts(scale)
        let newest = second / scale.bucketSeconds
        let buckets = (0..<scale.bucketCount).map { age in
            var counts = TargetCounts()
            counts.columns = ring[scale.ringIndex(bucket: newest - age)]
            return counts
        }
        return TargetWindow(
            target: address, identity: identity, scale: scale, endSecond: second,
            ageSeconds: second - firstSecond + 1, counts: counts,
            senders: senders.count(scale, at: second), ports: ports.count(scale, at: second),
            usual: usual(scale, second), hasOneProber: proberVotes * 3 > probes, contact: contact,
            buckets: buckets)
    }
}
