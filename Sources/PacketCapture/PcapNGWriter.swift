/// Writes frames as one section of a pcapng file (draft-ietf-opsawg-pcapng), little-endian, with
/// nanosecond stamps. Bytes gather in `bytes`; whoever owns the writer writes them and empties it.
package struct PcapNGWriter {
    /// What waits to be written.
    package var bytes: [UInt8] = []
    /// Link types, each with the number of its interface block.
    private var interfaces: [Int32: UInt32] = [:]

    /// Begins with the section's header.
    ///
    /// - Parameters:
    ///   - application: the program's name and version.
    ///   - comment: what the file holds, for people.
    package init(application: String, comment: String) {
        var body = Self.word(0x1A2B_3C4D) + [1, 0, 0, 0] + [UInt8](repeating: 0xFF, count: 8)
        body += Self.option(1, comment) + Self.option(4, application) + Self.word(0)
        block(0x0A0D_0D0A, body)
    }

    /// Adds a frame; the first one of a link type brings an interface with it.
    package mutating func add(_ frame: CapturedFrame) {
        let interface = interface(frame.linkType)
        let time = UInt64(bitPattern: max(frame.timeNanoseconds, 0))
        let count = unsafe frame.bytes.count
        let padding = (4 - count % 4) % 4
        let length = Self.word(UInt32(32 + count + padding))
        bytes += Self.word(6) + length + Self.word(interface)
        bytes += Self.word(UInt32(time >> 32)) + Self.word(UInt32(truncatingIfNeeded: time))
        bytes += Self.word(UInt32(count)) + Self.word(max(frame.wireLength, UInt32(count)))
        // SAFETY: the frame's bytes live for the call.
        unsafe bytes.append(contentsOf: frame.bytes)
        bytes += [UInt8](repeating: 0, count: padding) + length
    }

    private mutating func interface(_ linkType: Int32) -> UInt32 {
        if let known = interfaces[linkType] { return known }
        let number = UInt32(interfaces.count)
        interfaces[linkType] = number
        let type = UInt16(truncatingIfNeeded: linkType)
        var body: [UInt8] = [UInt8(type & 0xFF), UInt8(type >> 8), 0, 0] + Self.word(262_144)
        // if_tsresol: nanoseconds.
        body += [9, 0, 1, 0, 9, 0, 0, 0] + Self.word(0)
        block(1, body)
        return number
    }

    private mutating func block(_ type: UInt32, _ body: [UInt8]) {
        let length = Self.word(UInt32(12 + body.count))
        bytes += Self.word(type) + length + body + length
    }

    private static func option(_ code: UInt16, _ text: String) -> [UInt8] {
        let bytes = Array(text.utf8.prefix(1024))
        let header = [UInt8(code & 0xFF), UInt8(code >> 8)]
        let length = [UInt8(bytes.count & 0xFF), UInt8(bytes.count >> 8)]
        return header + length + bytes + [UInt8](repeating: 0, count: (4 - bytes.count % 4) % 4)
    }

    private static func word(_ value: UInt32) -> [UInt8] {
        (0..<4).map { UInt8(truncatingIfNeeded: value >> ($0 * 8)) }
    }
}
