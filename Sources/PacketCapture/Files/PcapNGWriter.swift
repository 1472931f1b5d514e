import NetworkAddresses
import Timestamps

/// Blocks of a pcapng file (draft-ietf-opsawg-pcapng), little-endian, with nanosecond stamps.
package enum PcapNGBlock {
    /// The prefix of the comments in name blocks that `FileCapture.takeNotes` returns.
    static let notePrefix = "lazaret: "
    /// The greatest size of a note in bytes.
    package static let noteLimit = 60_000

    /// The header of a section.
    ///
    /// - Parameters:
    ///   - application: the program's name and version.
    ///   - comment: a description of the file for its readers.
    package static func section(application: String, comment: String) -> [UInt8] {
        var body = word(0x1A2B_3C4D) + [1, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 8)
        body += option(1, Array(comment.utf8.prefix(1024)))
        body += option(4, Array(application.utf8.prefix(1024))) + word(0)
        return block(0x0A0D_0D0A, body)
    }

    /// The description of an interface; `name` is empty if it has none.
    package static func interface(linkType: Int32, name: String) -> [UInt8] {
        interface(linkType: linkType, name: name, options: [])
    }

    private static func interface(
        linkType: Int32, name: String, options: [UInt8]
    ) -> [UInt8] {
        let type = UInt16(truncatingIfNeeded: linkType)
        var body: [UInt8] = [UInt8(type & 0xFF), UInt8(type >> 8), 0, 0] + word(262_144)
        if !name.isEmpty { body += option(2, Array(name.utf8.prefix(255))) }
        body += options
        // if_tsresol: nanoseconds.
        body += option(9, [9]) + word(0)
        return block(1, body)
    }

    /// Returns the block that describes a port, for the frames that bear its number.
    ///
    /// - Parameters:
    ///   - port: the description; readers get it back from `FileCapture.takePorts`.
    ///   - run: the same for all ports that were numbered together, and for no others.
    package static func interface(linkType: Int32, port: RecordedPort, run: UInt64) -> [UInt8] {
        let comment = notePrefix + port.note(run: run)
        // if_IPv4addr with a netmask, if_IPv6addr with a prefix length.
        let addresses = port.addresses.prefix(256).flatMap { address in
            address.isIPv4
                ? option(4, address.bytes + [UInt8](repeating: 0xFF, count: 4))
                : option(5, address.bytes + [128])
        }
        return interface(
            linkType: linkType, name: port.name,
            options: (port.description.isEmpty
                ? [] : option(3, Array(port.description.utf8.prefix(1024))))
                + addresses + option(1, Array(comment.utf8)))
    }

    /// A name resolution block: `records` for programs that show names, `note` for
    /// `FileCapture.takeNotes`.
    ///
    /// - Parameters:
    ///   - records: an address of 4 or 16 bytes in network order, and its name.
    ///   - note: at most `noteLimit` bytes.
    package static func names(_ records: [(address: [UInt8], name: String)], note: String)
        -> [UInt8]
    {
        var body: [UInt8] = []
        for (address, name) in records {
            body += option(
                address.count == 4 ? 1 : 2, address + Array(name.utf8.prefix(255)) + [0])
        }
        body += word(0) + option(1, Array((notePrefix + note).utf8)) + word(0)
        return block(4, body)
    }

    /// The size of a frame's block in bytes.
    @inline(__always)
    package static func length(of frame: CapturedFrame) -> Int {
        unsafe 32 + (frame.bytes.count + 3) & ~3
            + (PacketFlags(packetType: frame.packetType) == nil ? 0 : 12)
    }

    /// Appends a frame of the interface with the number `interface`; allocates nothing while
    /// `bytes` has capacity.
    package static func append(_ frame: CapturedFrame, interface: UInt32, to bytes: inout [UInt8]) {
        let time = UInt64(bitPattern: max(frame.time.nanoseconds, 0))
        let count = unsafe frame.bytes.count
        let length = UInt32(length(of: frame))
        append(6, &bytes)
        append(length, &bytes)
        append(interface, &bytes)
        append(UInt32(time >> 32), &bytes)
        append(UInt32(truncatingIfNeeded: time), &bytes)
        append(UInt32(count), &bytes)
        append(max(frame.wireLength, UInt32(count)), &bytes)
        // SAFETY: the frame's bytes are valid for the call.
        unsafe bytes.append(contentsOf: frame.bytes)
        for _ in 0..<(4 - count % 4) % 4 { bytes.append(0) }
        if let flags = PacketFlags(packetType: frame.packetType) {
            // epb_flags with its length, and the end of the options.
            append(4 << 16 | 2, &bytes)
            append(flags.rawValue, &bytes)
            append(0, &bytes)
        }
        append(length, &bytes)
    }

    @inline(__always)
    private static func append(_ value: UInt32, _ bytes: inout [UInt8]) {
        // SAFETY: the four bytes of the value are valid for the call.
        unsafe withUnsafeBytes(of: value.littleEndian) { unsafe bytes.append(contentsOf: $0) }
    }

    private static func block(_ type: UInt32, _ body: [UInt8]) -> [UInt8] {
        let length = word(UInt32(12 + body.count))
        return word(type) + length + body + length
    }

    /// An option or a name record: code, length, value, padding.
    private static func option(_ code: UInt16, _ value: [UInt8]) -> [UInt8] {
        let count = min(value.count, 65_535)
        let length = UInt16(count)
        return [UInt8(code & 0xFF), UInt8(code >> 8), UInt8(length & 0xFF), UInt8(length >> 8)]
            + value.prefix(count) + [UInt8](repeating: 0, count: (4 - count % 4) % 4)
    }

    private static func word(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}

/// Formats frames as one section of a pcapng file. The owner of the writer writes `bytes` and
/// clears it.
package struct PcapNGWriter {
    /// The bytes that are not yet written.
    package var bytes: [UInt8]
    /// Link types, each with the number of its interface block.
    private var interfaces: [Int32: UInt32] = [:]

    /// Creates a writer with the section's header in `bytes`.
    package init(application: String, comment: String) {
        bytes = PcapNGBlock.section(application: application, comment: comment)
    }

    /// Adds a frame; before the first one of a link type, adds an interface.
    package mutating func add(_ frame: CapturedFrame) {
        var number = UInt32(interfaces.count)
        if let known = interfaces[frame.linkType] {
            number = known
        } else {
            interfaces[frame.linkType] = number
            bytes += PcapNGBlock.interface(linkType: frame.linkType, name: "")
        }
        PcapNGBlock.append(frame, interface: number, to: &bytes)
    }
}
