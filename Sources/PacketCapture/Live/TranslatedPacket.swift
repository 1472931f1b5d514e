internal import NetworkAddresses
internal import NodeInterfaces

/// The addresses and ports of an IP packet in a frame, and their replacement, with checksums.
///
/// Only what address translation changes is read: TCP, UDP, ICMP echo, and the packet that an ICMP
/// error quotes.
struct TranslatedPacket {
    /// The outer addresses and ports.
    private(set) var outer: ConnectionTable.Tuple
    /// The packet whose connection is looked up: the quoted one of an ICMP error, else the same.
    private(set) var tuple: ConnectionTable.Tuple
    private(set) var isQuote = false
    private(set) var isFirstFragment = false
    private(set) var isLaterFragment = false
    /// Whether it is the first packet of a connection (SYN).
    private(set) var opens = false
    /// Whether the transport checksum only has the addresses so far.
    var isPartial = false

    private var header: Header
    private var quoted: Header?
    private var fragmentIdentifier: UInt32 = 0

    /// Offsets of an IP packet's fields in the frame.
    private struct Header {
        var start = 0
        var isIPv4 = true
        var ipProtocol: UInt8 = 0
        var transport = 0
        var isFirstFragment = false
        var isLaterFragment = false
        var identifier: UInt32 = 0
    }

    private static let tcp: UInt8 = 6
    private static let udp: UInt8 = 17
    private static let icmp: UInt8 = 1
    private static let icmp6: UInt8 = 58

    /// Nil for a frame that has nothing to translate, or is cut off.
    @unsafe
    init?(_ bytes: UnsafeMutableRawBufferPointer, isEthernet: Bool) {
        let frame = unsafe FrameBytes(UnsafeRawBufferPointer(bytes))
        guard let start = Self.networkStart(frame, isEthernet: isEthernet),
            let header = Self.header(frame, at: start),
            let outer = Self.tuple(frame, header)
        else { return nil }
        self.header = header
        self.outer = outer
        tuple = outer
        isFirstFragment = header.isFirstFragment
        isLaterFragment = header.isLaterFragment
        fragmentIdentifier = header.identifier
        if isLaterFragment {
            tuple = fragmentTuple
            return
        }
        switch header.ipProtocol {
        case Self.tcp: opens = frame[header.transport + 13] & 0x12 == 0x02
        case Self.icmp, Self.icmp6:
            guard Self.isError(frame, header) else { break }
            guard let inner = Self.header(frame, at: header.transport + 8),
                !inner.isLaterFragment, let tuple = Self.tuple(frame, inner)
            else { return nil }
            quoted = inner
            isQuote = true
            self.tuple = tuple
        default: break
        }
    }

    /// Identifies the fragments of one packet.
    var fragmentTuple: ConnectionTable.Tuple {
        ConnectionTable.Tuple(
            // No protocol has a number with which this could be mistaken for a whole packet.
            ipProtocol: 255, source: outer.source, destination: outer.destination,
            sourcePort: UInt16(truncatingIfNeeded: fragmentIdentifier >> 16),
            destinationPort: UInt16(truncatingIfNeeded: fragmentIdentifier))
    }

    // MARK: reading

    /// Bytes of a frame; those beyond its end are 0.
    @safe
    private struct FrameBytes {
        let bytes: UnsafeRawBufferPointer

        init(_ bytes: UnsafeRawBufferPointer) { unsafe self.bytes = bytes }

        var count: Int { unsafe bytes.count }

        subscript(at: Int) -> UInt8 {
            // SAFETY: the offset lies within the frame.
            at >= 0 && at < count ? unsafe bytes[at] : 0
        }

        func big16(_ at: Int) -> UInt16 { UInt16(self[at]) << 8 | UInt16(self[at + 1]) }

        func big32(_ at: Int) -> UInt32 { UInt32(big16(at)) << 16 | UInt32(big16(at + 2)) }

        func address(_ at: Int, isIPv4: Bool) -> IPAddress {
            if isIPv4 { return IPAddress(v4: big32(at)) }
            return IPAddress(
                high: UInt64(big32(at)) << 32 | UInt64(big32(at + 4)),
                low: UInt64(big32(at + 8)) << 32 | UInt64(big32(at + 12)))
        }
    }

    private static func networkStart(_ frame: FrameBytes, isEthernet: Bool) -> Int? {
        guard isEthernet else { return 0 }
        var at = 12
        // At most two VLAN tags.
        for _ in 0..<2 where [0x8100, 0x88A8].contains(frame.big16(at)) { at += 4 }
        let type = frame.big16(at)
        return type == 0x0800 || type == 0x86DD ? at + 2 : nil
    }

    private static func header(_ frame: FrameBytes, at start: Int) -> Header? {
        var header = Header(start: start)
        if frame[start] >> 4 == 4 {
            let length = Int(frame[start] & 15) * 4
            guard length >= 20 else { return nil }
            let fragment = frame.big16(start + 6)
            header.isLaterFragment = fragment & 0x1FFF != 0
            header.isFirstFragment = fragment & 0x3FFF == 0x2000
            header.identifier = UInt32(frame.big16(start + 4))
            header.ipProtocol = frame[start + 9]
            header.transport = start + length
        } else {
            guard frame[start] >> 4 == 6 else { return nil }
            header.isIPv4 = false
            header.ipProtocol = frame[start + 6]
            header.transport = start + 40
            skipExtensions(frame, &header)
        }
        return header.transport <= frame.count ? header : nil
    }

    private static func skipExtensions(_ frame: FrameBytes, _ header: inout Header) {
        for _ in 0..<8 {
            let at = header.transport
            switch header.ipProtocol {
            case 0, 43, 60: header.transport += 8 + Int(frame[at + 1]) * 8
            case 44:
                let offset = frame.big16(at + 2)
                header.isLaterFragment = offset >> 3 != 0
                header.isFirstFragment = offset >> 3 == 0 && offset & 1 != 0
                header.identifier = frame.big32(at + 4)
                header.transport += 8
            default: return
            }
            header.ipProtocol = frame[at]
        }
    }

    private static func isError(_ frame: FrameBytes, _ header: Header) -> Bool {
        let type = frame[header.transport]
        return header.ipProtocol == icmp ? [3, 4, 5, 11, 12].contains(type) : type < 128
    }

    private static func isEcho(_ frame: FrameBytes, _ header: Header) -> Bool {
        let type = frame[header.transport]
        return header.ipProtocol == icmp ? type == 0 || type == 8 : type == 128 || type == 129
    }

    private static func tuple(_ frame: FrameBytes, _ header: Header) -> ConnectionTable.Tuple? {
        let source = header.start + (header.isIPv4 ? 12 : 8)
        let length = header.isIPv4 ? 4 : 16
        var tuple = ConnectionTable.Tuple(
            ipProtocol: header.ipProtocol,
            source: frame.address(source, isIPv4: header.isIPv4),
            destination: frame.address(source + length, isIPv4: header.isIPv4))
        if header.isLaterFragment { return tuple }
        guard frame.count >= header.transport + 8 else { return nil }
        switch header.ipProtocol {
        case tcp, udp:
            tuple.sourcePort = frame.big16(header.transport)
            tuple.destinationPort = frame.big16(header.transport + 2)
        case icmp, icmp6:
            if isEcho(frame, header) {
                let type = frame[header.transport]
                tuple.isEchoReply = type == 0 || type == 129
                tuple.sourcePort = frame.big16(header.transport + 4)
                tuple.destinationPort = tuple.sourcePort
            } else if !isError(frame, header) {
                // Neighbour discovery and the like are not translated.
                return nil
            }
        default: break
        }
        return tuple
    }

    // MARK: writing

    /// Writes the ends of the connection to the frame.
    @unsafe
    func replace(by ends: ConnectionTable.Tuple, in bytes: UnsafeMutableRawBufferPointer) {
        var writer = unsafe FrameWriter(bytes: bytes)
        var outer = ends
        if let quoted {
            // The error goes to the quoted packet's sender; it is from its receiver, or from a
            // router in between.
            outer = self.outer
            if outer.destination == tuple.source { outer.destination = ends.source }
            if outer.source == tuple.destination { outer.source = ends.destination }
            writer.write(ends, quoted, Self.fields(of: quoted, isQuoted: true))
            // The quoted bytes are part of what the outer checksum covers.
            writer.finish(checksumAt: header.transport + 2)
        }
        writer.isPartial = isPartial
        writer.write(outer, header, Self.fields(of: header, isQuoted: isQuote))
    }

    /// Where a transport header has what translation changes; 0: it has none.
    private struct Fields {
        var ports = 0
        var identifier = 0
        var checksum = 0
        /// Whether the checksum covers the addresses.
        var hasPseudoHeader = true
    }

    private static func fields(of header: Header, isQuoted: Bool) -> Fields {
        var fields = Fields()
        guard !header.isLaterFragment else { return fields }
        switch header.ipProtocol {
        case tcp:
            fields.ports = header.transport
            // Only eight bytes of a quoted header are certain to be there.
            if !isQuoted { fields.checksum = header.transport + 16 }
        case udp:
            fields.ports = header.transport
            fields.checksum = header.transport + 6
        case icmp, icmp6:
            fields.checksum = header.transport + 2
            fields.hasPseudoHeader = header.ipProtocol == icmp6
            // An error has another field there.
            if !isQuoted { fields.identifier = header.transport + 4 }
        default: break
        }
        return fields
    }

    /// Replaces 16-bit words, and sums their differences for the checksums (RFC 1624).
    @safe
    private struct FrameWriter {
        let bytes: UnsafeMutableRawBufferPointer
        var isPartial = false
        /// Differences of the words that were replaced.
        private var total: UInt32 = 0
        /// Differences of the addresses among them.
        private var addresses: UInt32 = 0

        init(bytes: UnsafeMutableRawBufferPointer) { unsafe self.bytes = bytes }

        private var count: Int { unsafe bytes.count }

        private func read(_ at: Int) -> UInt16 {
            guard at >= 0, at + 1 < count else { return 0 }
            // SAFETY: both bytes lie in the frame, as just checked.
            return unsafe UInt16(bytes[at]) << 8 | UInt16(bytes[at + 1])
        }

        /// - Returns: the difference for a checksum; 0 beyond the end of the frame.
        private func store(_ word: UInt16, at: Int) -> UInt32 {
            guard at >= 0, at + 1 < count else { return 0 }
            let before = read(at)
            // SAFETY: both bytes lie in the frame, as just checked.
            unsafe bytes[at] = UInt8(word >> 8)
            unsafe bytes[at + 1] = UInt8(word & 0xFF)
            return UInt32(~before) + UInt32(word)
        }

        private func store(_ address: IPAddress, isIPv4: Bool, at: Int) -> UInt32 {
            var sum: UInt32 = 0
            for place in 0..<(isIPv4 ? 2 : 8) {
                let shift = UInt64((isIPv4 ? 1 - place : 3 - place & 3) * 16)
                let half = isIPv4 || place >= 4 ? address.low : address.high
                sum += store(UInt16(truncatingIfNeeded: half >> shift), at: at + place * 2)
            }
            return sum
        }

        private static func fold(_ sum: UInt32) -> UInt16 {
            var sum = sum
            while sum >> 16 != 0 { sum = sum & 0xFFFF + sum >> 16 }
            return UInt16(sum)
        }

        /// Adds a difference to a checksum.
        private func adjust(_ at: Int, _ difference: UInt32) -> UInt32 {
            store(~Self.fold(UInt32(~read(at)) + UInt32(Self.fold(difference))), at: at)
        }

        mutating func write(
            _ ends: ConnectionTable.Tuple, _ header: Header, _ fields: Fields
        ) {
            let source = header.start + (header.isIPv4 ? 12 : 8)
            let length = header.isIPv4 ? 4 : 16
            addresses = store(ends.source, isIPv4: header.isIPv4, at: source)
            addresses += store(ends.destination, isIPv4: header.isIPv4, at: source + length)
            total += addresses
            if header.isIPv4 { total += adjust(header.start + 10, addresses) }
            var ports: UInt32 = 0
            if fields.ports > 0 {
                ports += store(ends.sourcePort, at: fields.ports)
                ports += store(ends.destinationPort, at: fields.ports + 2)
            } else if fields.identifier > 0 {
                ports += store(ends.sourcePort, at: fields.identifier)
            }
            total += ports
            guard fields.checksum > 0 else { return }
            // UDP over IPv4 may have no checksum.
            if header.ipProtocol == TranslatedPacket.udp, read(fields.checksum) == 0 { return }
            if isPartial {
                // The sum of the addresses so far, not yet complemented.
                let sum = UInt32(read(fields.checksum)) + UInt32(Self.fold(addresses))
                total += store(Self.fold(sum), at: fields.checksum)
            } else {
                let covered = (fields.hasPseudoHeader ? addresses : 0) + ports
                total += adjust(fields.checksum, covered)
            }
        }

        /// Adds the differences of all words so far to a checksum that covers them.
        mutating func finish(checksumAt at: Int) {
            _ = adjust(at, total)
            total = 0
        }
    }
}
