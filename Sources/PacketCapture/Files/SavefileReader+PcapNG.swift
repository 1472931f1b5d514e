internal import NetworkAddresses
internal import Timestamps

/// The current section of a pcapng file.
struct PcapNGSection {
    var swapped = false
    var interfaces: [Interface] = []

    struct Interface {
        var linkType: Int32
        var isSupported = true
        /// The greatest number of captured bytes of a frame; 0 in the file means no limit.
        var snapLength: Int
        var resolution = Resolution.decimal(multiplier: 1000)
        /// The offset to add to every time (`if_tsoffset`).
        var offset = Interval.zero
        /// The number of the port that frames came by; 0: unknown.
        var port: UInt32 = 0
    }

    /// The unit of a time stamp.
    enum Resolution {
        /// Nanoseconds in a unit.
        case decimal(multiplier: UInt64)
        /// Units in a nanosecond, a power of ten.
        case finer(divisor: UInt64)
        /// 2^-shift seconds, shift up to 63.
        case binary(shift: UInt64)

        /// Creates the unit from the byte of option `if_tsresol`: the highest bit selects base 2.
        init(_ byte: UInt8) {
            if byte & 0x80 != 0 {
                self = .binary(shift: UInt64(min(byte & 0x7F, 63)))
            } else if byte <= 9 {
                self = .decimal(multiplier: Self.power(9 - byte))
            } else {
                self = .finer(divisor: Self.power(min(byte, 28) - 9))
            }
        }

        private static func power(_ exponent: UInt8) -> UInt64 {
            (0..<exponent).reduce(1) { value, _ in value &* 10 }
        }

        /// The time of a stamp, limited to the range of `Timestamp`.
        func time(_ stamp: UInt64) -> Timestamp {
            switch self {
            case .decimal(let multiplier):
                let (product, isOver) = stamp.multipliedReportingOverflow(by: multiplier)
                return Timestamp(nanoseconds: isOver ? .max : Int64(clamping: product))
            case .finer(let divisor): return Timestamp(nanoseconds: Int64(stamp / divisor))
            case .binary(let shift):
                return Timestamp(
                    second: stamp >> shift,
                    nanoseconds: Self.fraction(stamp & (1 << shift &- 1), shift: shift))
            }
        }

        private static func fraction(_ part: UInt64, shift: UInt64) -> Int64 {
            guard shift > 0 else { return 0 }
            let product = part.multipliedFullWidth(by: UInt64(Interval.seconds(1).nanoseconds))
            // The product is below 2^shift times 2^30, so the quotient fits.
            return Int64(truncatingIfNeeded: product.high << (64 - shift) | product.low >> shift)
        }
    }
}

/// Blocks of draft-ietf-opsawg-pcapng.
extension SavefileReader {
    /// Parses the complete blocks in the buffer, up to one batch.
    func parsePcapNG() throws(CaptureError) {
        while count < Self.batchLimit {
            guard limit &- at >= 12 else { return }
            let type = word(at, swapped: section.swapped)
            // A section header has the same type in both byte orders, and defines the order of its
            // section.
            if type == 0x0A0D_0D0A {
                let magic = word(at &+ 8, swapped: false)
                guard Self.isByteOrderMagic(magic) else {
                    stop("a section header has no byte order mark")
                    return
                }
                section = PcapNGSection(swapped: magic != 0x1A2B_3C4D)
            }
            // Names apply from here on, so earlier frames are returned first.
            if type == Self.namesBlock, count > 0 { return }
            let length = Int(word(at &+ 4, swapped: section.swapped))
            guard length >= 12, length & 3 == 0, length <= Self.blockLimit else {
                stop("a block claims a length of \(length) bytes")
                return
            }
            if length > limit &- at {
                // Only an empty batch may move the buffer.
                if length > capacity, count == 0, try !need(length) { return }
                if length > limit &- at { return }
            }
            let closing = Int(word(at &+ length &- 4, swapped: section.swapped))
            guard closing == length else {
                stop("a block's two lengths differ, \(length) and \(closing)")
                return
            }
            try block(type, at: at, length: length)
            if stopped { return }
            at &+= length
        }
    }

    private func block(_ type: UInt32, at: Int, length: Int) throws(CaptureError) {
        switch type {
        case 1: interface(at: at, length: length)
        case 6 where length >= 32:
            packet(
                interface: Int(word(at + 8, swapped: section.swapped)), times: at + 12,
                captured: word(at + 20, swapped: section.swapped),
                wire: word(at + 24, swapped: section.swapped), data: at + 28, end: at + length - 4)
        case 2 where length >= 32:
            // The obsolete packet block: the interface has 16 bits, the other 16 count drops.
            let first = word(at + 8, swapped: section.swapped)
            packet(
                interface: Int(section.swapped ? first >> 16 : first & 0xFFFF), times: at + 12,
                captured: word(at + 20, swapped: section.swapped),
                wire: word(at + 24, swapped: section.swapped), data: at + 28, end: at + length - 4)
        case 3 where length >= 16:
            let wire = word(at + 8, swapped: section.swapped)
            let room = length - 16
            let snap = section.interfaces.first?.snapLength ?? 0
            let captured = min(Int(wire), snap > 0 ? min(room, snap) : room)
            packet(
                interface: 0, times: nil, captured: UInt32(captured), wire: wire, data: at + 12,
                end: at + length - 4)
        case Self.namesBlock: names(at: at, length: length)
        default: break
        }
    }

    private func packet(
        interface: Int, times: Int?, captured: UInt32, wire: UInt32, data: Int, end: Int
    ) {
        guard interface < section.interfaces.count else {
            stop("a packet names interface \(interface), which no block describes")
            return
        }
        let source = section.interfaces[interface]
        guard Int(captured) <= end - data else {
            stop("a packet claims \(captured) bytes, more than its block holds")
            return
        }
        guard source.isSupported else {
            skipped[source.linkType, default: 0] += 1
            return
        }
        var time = Timestamp.epoch
        if let times {
            let high = UInt64(word(times, swapped: section.swapped))
            let low = UInt64(word(times + 4, swapped: section.swapped))
            time = source.resolution.time(high << 32 | low) + source.offset
        }
        let kept = source.snapLength > 0 ? min(Int(captured), source.snapLength) : Int(captured)
        append(
            time: time, wireLength: wire, linkType: source.linkType,
            interface: UInt32(truncatingIfNeeded: interface), port: source.port,
            packetType: packetType(from: data + (Int(captured) + 3) & ~3, to: end), offset: data,
            length: kept)
    }

    /// The direction in a packet's options; 255: none.
    @inline(__always)
    private func packetType(from options: Int, to end: Int) -> UInt8 {
        guard end - options >= 8 else { return 255 }
        var flags = PacketFlags(rawValue: 0)
        self.options(from: options, to: end) { code, value, size in
            if code == 2, size == 4 { flags.rawValue = word(value, swapped: section.swapped) }
        }
        return flags.packetType
    }

    private func interface(at: Int, length: Int) {
        guard length >= 20 else {
            stop("an interface description of \(length) bytes is too short")
            return
        }
        guard section.interfaces.count < 65_536 else {
            stop("a section describes more than 65,536 interfaces")
            return
        }
        let first = word(at + 8, swapped: section.swapped)
        let linkType = Int32(section.swapped ? first >> 16 : first & 0xFFFF)
        var made = PcapNGSection.Interface(
            linkType: linkType,
            snapLength: Int(word(at + 12, swapped: section.swapped)))
        made.isSupported = supported.isEmpty || supported.contains(linkType)
        let swapped = section.swapped
        var name = ""
        var description = ""
        var origin: RecordedPort.Origin?
        var isShared = false
        var addresses: [IPAddress] = []
        options(from: at + 16, to: at + length - 4) { code, value, size in
            switch code {
            case 1:
                let comment = text(value, size)
                if comment.hasPrefix(PcapNGBlock.notePrefix) {
                    origin = RecordedPort.parse(comment.dropFirst(PcapNGBlock.notePrefix.count))
                    isShared = comment.hasSuffix(" shared")
                }
            case 2: name = text(value, size)
            case 3: description = text(value, size)
            case 4 where size == 8: addresses += address(value, 4)
            case 5 where size == 17: addresses += address(value, 16)
            default: break
            }
            if code == 9, size >= 1 {
                let shift: UInt32 = swapped ? 24 : 0
                // The padded value is always within the block, whose length is a multiple of four.
                made.resolution = .init(
                    UInt8(truncatingIfNeeded: word(value, swapped: swapped) >> shift))
            } else if code == 14, size == 8 {
                let one = UInt64(word(value, swapped: swapped))
                let two = UInt64(word(value + 4, swapped: swapped))
                made.offset = .seconds(
                    Int64(bitPattern: swapped ? one << 32 | two : two << 32 | one))
            }
        }
        if let origin {
            made.port = ports.number(
                origin, name: name, description: description, isShared: isShared,
                addresses: addresses)
        }
        section.interfaces.append(made)
    }

    /// The address in an option that lies in the current block.
    private func address(_ value: Int, _ size: Int) -> [IPAddress] {
        precondition(value >= 0 && size >= 0 && value + size <= limit)
        // SAFETY: inside the filled part of the buffer, as just checked.
        let bytes = unsafe Array(buffer[value..<value + size])
        return IPAddress(bytes: bytes).map { [$0] } ?? []
    }

    /// The text of an option that lies in the current block.
    private func text(_ value: Int, _ size: Int) -> String {
        precondition(value >= 0 && size >= 0 && value + size <= limit)
        // SAFETY: inside the filled part of the buffer, as just checked.
        return unsafe String(decoding: buffer[value..<value + size], as: UTF8.self)
    }

    /// Passes code, offset and length of each option to `body`.
    private func options(from: Int, to end: Int, _ body: (UInt32, Int, Int) -> Void) {
        var option = from
        while option + 4 <= end {
            let (code, size) = head(option)
            if code == 0 || option + 4 + size > end { return }
            body(code, option + 4, size)
            option += 4 + (size + 3) & ~3
        }
    }

    /// Two 16-bit numbers: a code and a length.
    private func head(_ offset: Int) -> (code: UInt32, size: Int) {
        let head = word(offset, swapped: section.swapped)
        return section.swapped
            ? (head >> 16, Int(head & 0xFFFF)) : (head & 0xFFFF, Int(head >> 16))
    }

    /// Parses a name resolution block. Its records are for other programs; only comments with our
    /// prefix are read.
    private func names(at: Int, length: Int) {
        let end = at + length - 4
        var record = at + 8
        while record + 4 <= end {
            let (code, size) = head(record)
            record += 4 + (size + 3) & ~3
            if code == 0 { break }
        }
        options(from: record, to: end) { code, value, size in
            guard code == 1, size <= end - value else { return }
            // SAFETY: the option is inside the block, and the block inside the filled part of the
            // buffer.
            let bytes = unsafe buffer[value..<value + size]
            guard unsafe bytes.starts(with: PcapNGBlock.notePrefix.utf8) else { return }
            let text = unsafe String(decoding: bytes, as: UTF8.self)
            if let gone = RecordedPort.parseGone(text.dropFirst(PcapNGBlock.notePrefix.count)) {
                ports.gone(gone.ports, run: gone.run, at: gone.time)
                return
            }
            guard noteBytes + size <= noteLimit else {
                lostNotes += 1
                return
            }
            noteBytes += size
            notes.append(text)
        }
    }

    static var namesBlock: UInt32 { 4 }
}
