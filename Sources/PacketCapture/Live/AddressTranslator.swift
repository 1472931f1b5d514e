internal import Glibc
internal import NetworkAddresses
internal import NodeInterfaces
internal import Timestamps

/// Replaces translated addresses in frames by the ends' own addresses.
///
/// A node that masquerades or publishes ports changes the addresses of packets on their way. One
/// conversation then has other addresses at the uplink, or at another bridge, than at the
/// container. The kernel's table of connections has both. A frame with one of the node's addresses
/// is looked up there, and gets the initiator's address before source translation and the
/// responder's after destination translation, as all other views of the packet have. Packets whose
/// connection the kernel does not track stay as they are.
final class AddressTranslator {
    /// Packets whose addresses were replaced.
    private(set) var replaced: UInt64 = 0
    /// Why connections cannot be looked up; nil: they can.
    private(set) var failure: InterfaceError?
    /// The addresses of the node's interfaces.
    var own: Set<IPAddress> = [] {
        didSet {
            guard own != oldValue else { return }
            marks = [UInt64](repeating: 0, count: 1 << 10)
            for address in own { mark(address) }
        }
    }

    private var table: ConnectionTable
    private var endings: EndedConnections
    private var entries = [Entry](repeating: Entry(), count: 1 << 13)
    /// Connections that have ended, in the same order as `entries`.
    private var ended = [Entry](repeating: Entry(), count: 1 << 13)
    /// One bit for each hash of an own address, so that most packets need no further search.
    private var marks = [UInt64](repeating: 0, count: 1 << 10)
    /// Lookups in the second that began at `secondStart`.
    private var lookups = 0
    private var secondStart = Clock.monotonic()

    /// A tuple that was looked up, and what replaces it.
    private struct Entry {
        var tuple = Entry.none
        var ends = Entry.none
        var time = Timestamp.distantPast
        var isTranslated = false

        static let none = ConnectionTable.Tuple(
            ipProtocol: 0, source: .unspecified, destination: .unspecified)
    }

    /// How long an answer is used. The kernel keeps the entry of an idle connection longer than
    /// this, so that its addresses and ports cannot be another connection's meanwhile.
    private static let validity = Interval.seconds(10)
    /// How long the absence of a connection is used.
    private static let absence = Interval.milliseconds(100)
    /// The kernel enters a connection after it has captured its first packet: within microseconds,
    /// or later where it has no CPU time for it. A packet that is older than this has no connection
    /// if none is found.
    private static let settling = Interval.milliseconds(20)
    /// How long before and after the end of a connection its packets may be captured.
    private static let lateness = Interval.seconds(10)
    /// Lookups per second: about a tenth of a core. Beyond, a port that the node publishes is
    /// assumed to lead where it led before, and other packets stay as they are.
    private static let lookupLimit = 20_000

    /// - Throws: `.kernel` where connections cannot be looked up, most often for a lack of
    ///   CAP_NET_ADMIN.
    init() throws(InterfaceError) {
        table = try ConnectionTable()
        endings = try EndedConnections()
        // An absent connection: fails where the capability is missing.
        _ = try table.connection(
            ConnectionTable.Tuple(
                ipProtocol: 17, source: IPAddress(v4: 0x7F00_0001),
                destination: IPAddress(v4: 0x7F00_0001), sourcePort: 1, destinationPort: 1))
    }

    /// Replaces the addresses and ports of a packet, if its connection is translated.
    ///
    /// - Parameters:
    ///   - bytes: the frame.
    ///   - isOutgoing: whether the node sent it: its addresses may have been translated already.
    ///   - isPartial: whether the transport checksum is still to be completed by the hardware.
    @unsafe
    func translate(
        _ bytes: UnsafeMutableRawBufferPointer, isEthernet: Bool, isOutgoing: Bool,
        isPartial: Bool, time: Timestamp
    ) {
        guard var packet = unsafe TranslatedPacket(bytes, isEthernet: isEthernet),
            isOwn(packet.outer.source) || isOwn(packet.outer.destination)
        else { return }
        // The quoted packet of an ICMP error went the other way.
        let isAsSent = isOutgoing != packet.isQuote
        guard let ends = ends(of: packet, isAsSent: isAsSent, time: time),
            !ends.hasSameEnds(as: packet.tuple)
        else { return }
        packet.isPartial = isPartial
        unsafe packet.replace(by: ends, in: bytes)
        replaced &+= 1
    }

    private func mark(_ address: IPAddress) {
        let bit = Self.hash(address) & 0xFFFF
        marks[Int(bit >> 6)] |= 1 << (bit & 63)
    }

    @inline(__always)
    private static func hash(_ address: IPAddress) -> UInt64 {
        ((address.high ^ address.low &* 0x9E37_79B9_7F4A_7C15) &* 0xE703_7ED1_A0B4_28DB) >> 48
    }

    @inline(__always)
    private func isOwn(_ address: IPAddress) -> Bool {
        let bit = Self.hash(address) & 0xFFFF
        guard marks[Int(bit >> 6)] & 1 << (bit & 63) != 0 else { return false }
        return own.contains(address)
    }

    // MARK: lookup

    /// The ends that replace those of a packet; nil: the packet stays as it is.
    private func ends(
        of packet: TranslatedPacket, isAsSent: Bool, time: Timestamp
    ) -> ConnectionTable.Tuple? {
        let place = Self.place(packet.tuple)
        if let known = entry(at: place, packet.tuple, time), !packet.opens { return known.ends }
        // A later fragment has no ports: only its first fragment can be looked up.
        if packet.isLaterFragment { return nil }
        guard let found = lookUp(packet.tuple, isAsSent: isAsSent, time: time) else { return nil }
        let isTranslated = !found.hasSameEnds(as: packet.tuple)
        remember(packet.tuple, found, time, isTranslated)
        if packet.isFirstFragment { remember(packet.fragmentTuple, found, time, true) }
        return found
    }

    private func remember(
        _ tuple: ConnectionTable.Tuple, _ ends: ConnectionTable.Tuple, _ time: Timestamp,
        _ isTranslated: Bool
    ) {
        entries[Self.place(tuple)] = Entry(
            tuple: tuple, ends: ends, time: time, isTranslated: isTranslated)
    }

    private func entry(
        at place: Int, _ tuple: ConnectionTable.Tuple, _ time: Timestamp
    ) -> Entry? {
        guard entries[place].tuple == tuple else { return nil }
        let age = time - entries[place].time
        let limit = entries[place].isTranslated ? Self.validity : Self.absence
        return age >= .zero && age <= limit ? entries[place] : nil
    }

    /// Asks the kernel.
    private func lookUp(
        _ tuple: ConnectionTable.Tuple, isAsSent: Bool, time: Timestamp
    ) -> ConnectionTable.Tuple? {
        guard failure == nil else { return nil }
        guard mayLookUp() else { return published(tuple, isAsSent: isAsSent) }
        // The kernel knows packets by their addresses before translation. Those of a packet that
        // was sent are the reverse of what its answer will have.
        let key = isAsSent ? tuple.reversed : tuple
        do {
            guard let connection = try find(key, time) else { return tuple }
            let forKey = connection.ends(inDirectionOf: key)
            let ends = isAsSent ? forKey.reversed : forKey
            // The answer passes the same interface with these addresses.
            remember(tuple.reversed, ends.reversed, time, !ends.hasSameEnds(as: tuple))
            if !isAsSent { rememberPublished(tuple, ends, time) }
            return ends
        } catch {
            if error.code == EPERM { failure = error }
            return nil
        }
    }

    /// Waits for a young packet's connection. Later packets become older meanwhile, so that waiting
    /// delays all of them once.
    private func find(
        _ key: ConnectionTable.Tuple, _ time: Timestamp
    ) throws(InterfaceError) -> ConnectionTable.Connection? {
        while true {
            let age = Clock.now() - time
            if let connection = try table.connection(key) { return connection }
            if let connection = endedConnection(key, time) { return connection }
            guard age >= .zero, age < Self.settling else { return nil }
            usleep(2000)
        }
    }

    /// Notes the connections that have ended since the last call. Called for every block of frames,
    /// so that the kernel keeps few of them for us.
    func noteEnded() {
        let now = Clock.now()
        endings.take { connection in
            for tuple in [connection.original, connection.reply] {
                ended[Self.place(tuple)] = Entry(
                    tuple: connection.original, ends: connection.reply, time: now)
            }
        }
    }

    /// The connection with a tuple that has ended around this time.
    private func endedConnection(
        _ key: ConnectionTable.Tuple, _ time: Timestamp
    ) -> ConnectionTable.Connection? {
        noteEnded()
        let entry = ended[Self.place(key)]
        guard entry.tuple.hasSameEnds(as: key) || entry.ends.hasSameEnds(as: key),
            entry.tuple.ipProtocol == key.ipProtocol, (entry.time - time).magnitude < Self.lateness
        else { return nil }
        return ConnectionTable.Connection(original: entry.tuple, reply: entry.ends)
    }

    private func mayLookUp() -> Bool {
        let now = Clock.monotonic()
        if now - secondStart >= .seconds(1) { (secondStart, lookups) = (now, 0) }
        lookups += 1
        return lookups <= Self.lookupLimit
    }

    // MARK: published ports

    /// Stands for every connection to a published port.
    private static func anyClient(of tuple: ConnectionTable.Tuple) -> ConnectionTable.Tuple {
        ConnectionTable.Tuple(
            ipProtocol: tuple.ipProtocol, source: .unspecified, destination: tuple.destination,
            destinationPort: tuple.destinationPort)
    }

    private func rememberPublished(
        _ tuple: ConnectionTable.Tuple, _ ends: ConnectionTable.Tuple, _ time: Timestamp
    ) {
        guard ends.source == tuple.source, ends.destination != tuple.destination else { return }
        remember(Self.anyClient(of: tuple), ends, time, true)
    }

    private func published(
        _ tuple: ConnectionTable.Tuple, isAsSent: Bool
    ) -> ConnectionTable.Tuple? {
        guard !isAsSent else { return nil }
        let key = Self.anyClient(of: tuple)
        let entry = entries[Self.place(key)]
        guard entry.tuple == key else { return nil }
        var ends = tuple
        ends.destination = entry.ends.destination
        ends.destinationPort = entry.ends.destinationPort
        return ends
    }

    private static func place(_ tuple: ConnectionTable.Tuple) -> Int {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        func mix(_ word: UInt64) {
            let product = (hash ^ word).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
            hash = product.high ^ product.low
        }
        mix(tuple.source.high)
        mix(tuple.source.low)
        mix(tuple.destination.high)
        mix(tuple.destination.low)
        mix(
            UInt64(tuple.ipProtocol) << 40 | UInt64(tuple.isEchoReply ? 1 : 0) << 32
                | UInt64(tuple.sourcePort) << 16 | UInt64(tuple.destinationPort))
        return Int(truncatingIfNeeded: hash >> 32) & (1 << 13 - 1)
    }
}
