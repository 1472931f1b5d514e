/// Contacts of a host that it uses although no answer is seen, and the answers that are seen, in
/// the windows of every scale. Empty for most hosts.
struct OneSidedWindow: Sendable {
    enum Kind: Int, CaseIterable {
        /// As novel, pairs inside that refused datagrams; otherwise connections outside on which
        /// their opener went on.
        case used
        /// As novel, pairs on which a slow stream of datagrams began; otherwise its stretches.
        case streams
        /// As novel, pairs that refused; otherwise those outside that accepted a connection.
        case answers
        /// As novel, tries of IPv6 that IPv4 replaced; otherwise QUIC to a host that answers HTTPS.
        case replaced
        /// As novel, the connectivity checks that were answered; otherwise all.
        case checks
        /// As novel, pairs outside that answered; otherwise all that were tried. One for each
        /// family, so that IPv4 does not speak for IPv6.
        case outside
        case outsideIPv6
        /// Of those of datagrams to ports from 1024 on, the same.
        case datagrams
        /// The tries of each pair, those of two seconds once.
        case rounds
        /// The fast stretches of streams.
        case measurements
    }

    private var tables: [DistinctWindow] = []

    /// Notes a contact by its key. What is novel counts apart from the rest.
    mutating func note(_ kind: Kind, _ key: UInt64, second: Int, isNovel: Bool = false) {
        if tables.isEmpty {
            tables = Kind.allCases.map { _ in DistinctWindow() }
        }
        tables[kind.rawValue].insert(
            isNovel ? key : DistinctWindow.mix(key), second: second, isNovel: isNovel)
    }

    /// The contacts in the window of `scale` that ends with `second`.
    mutating func contacts(_ scale: Scale, at second: Int) -> OneSidedContacts {
        var contacts = OneSidedContacts()
        guard !tables.isEmpty else { return contacts }
        (contacts.used, contacts.refusedInside) = counts(.used, scale, second)
        (contacts.stretches, contacts.streams) = counts(.streams, scale, second)
        (contacts.accepted, contacts.refused) = counts(.answers, scale, second)
        (contacts.besideHTTPS, contacts.besideIPv4) = counts(.replaced, scale, second)
        (contacts.checks, contacts.answeredChecks) = counts(.checks, scale, second)
        let (four, six) = (counts(.outside, scale, second), counts(.outsideIPv6, scale, second))
        contacts.outside = PeerCounts(tried: four.other, answered: four.novel)
        contacts.outsideIPv6 = PeerCounts(tried: six.other, answered: six.novel)
        (contacts.datagrams, contacts.answeredDatagrams) = counts(.datagrams, scale, second)
        contacts.rounds = counts(.rounds, scale, second).other
        contacts.fastStretches = counts(.measurements, scale, second).other
        return contacts
    }

    private mutating func counts(
        _ kind: Kind, _ scale: Scale, _ second: Int
    ) -> (other: Float, novel: Float) {
        let counts = tables[kind.rawValue].counts(scale, at: second)
        return (max(0, counts.all - counts.novel), counts.novel)
    }
}

/// How far the opener of a flow went on without an answer.
struct FlowProgress: Sendable {
    /// Datagrams of a stretch of a stream, and the milliseconds from which it is a slow one: sound
    /// and pictures are no faster.
    static let stretch: UInt32 = 32
    private static let leastMilliseconds: UInt32 = 64
    private static let end: UInt32 = 0xFF
    private static let usual: UInt32 = 0x40
    private static let hasBegun: UInt32 = 0x80

    /// The datagrams of the stretch in the low six bits, then whether the pair is in the baseline,
    /// and whether a slow stretch was completed; above, the milliseconds from the flow's start to
    /// that of the stretch.
    private var word: UInt32 = 0

    /// - Parameter isUsual: whether the pair is in the baseline: only stretches are counted.
    init(isUsual: Bool = false) { word = isUsual ? Self.usual : 0 }

    /// Whether nothing more is worth noting.
    var isOver: Bool { word & 0xFF == Self.end }
    var isUsual: Bool { word & Self.usual != 0 }

    mutating func finish() { word = Self.end }

    /// That of a flow that is not followed.
    static var over: FlowProgress {
        var progress = FlowProgress()
        progress.finish()
        return progress
    }

    /// Notes that the opener of a connection goes on; returns whether this is the first time.
    mutating func use() -> Bool {
        guard word == 0 else { return false }
        word = 1
        return true
    }

    /// Counts a datagram.
    ///
    /// - Parameter time: milliseconds since the flow's start.
    /// - Returns: nil unless it completes a stretch; otherwise whether that is a slow one, and
    ///   whether it is the first slow one.
    mutating func step(at time: UInt32) -> (isSlow: Bool, isFirst: Bool)? {
        let start = word >> 8
        let steps = (word & 0x3F) + 1
        let flags = word & (Self.usual | Self.hasBegun)
        guard steps == Self.stretch else {
            word = start << 8 | flags | steps
            return nil
        }
        let isSlow = (time &- start) & 0xFF_FFFF >= Self.leastMilliseconds
        word = time << 8 | flags | (isSlow ? Self.hasBegun : 0)
        return (isSlow, isSlow && flags & Self.hasBegun == 0)
    }
}

/// Who tried a site over IPv6 in vain, until the same station is answered over IPv4. A table of
/// fixed size: a newer station may replace an older one.
struct FamilyFallbacks: Sendable {
    private static let seconds = 4

    private struct Place {
        var key: UInt64 = 0
        var second = Int.min / 2
        /// The tag of the last try's flow.
        var tag: UInt32 = 0
        var tries: UInt32 = 0
    }

    private var places = [Place](repeating: Place(), count: 256)

    mutating func note(_ station: UInt64, _ tag: UInt32, second: Int) {
        let key = DistinctWindow.mix(station) | 1
        let index = Int(key >> 56)
        if places[index].key != key || second - places[index].second > Self.seconds {
            places[index] = Place(key: key)
        }
        places[index].second = second
        places[index].tag = tag
        places[index].tries &+= 1
    }

    /// Takes one of the station's tries; returns its flow's tag.
    mutating func take(_ station: UInt64, second: Int) -> UInt32? {
        let key = DistinctWindow.mix(station) | 1
        let index = Int(key >> 56)
        guard places[index].key == key, places[index].tries > 0,
            second - places[index].second <= Self.seconds
        else { return nil }
        places[index].tries -= 1
        return places[index].tag
    }
}
