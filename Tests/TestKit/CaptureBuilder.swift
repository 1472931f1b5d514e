public import Timestamps

/// Bytes of capture files for tests.
public enum CaptureFile {
    public struct Record: Sendable {
        public var time: Timestamp
        public var bytes: [UInt8]
        public var wireLength: Int

        public init(_ time: Timestamp, _ bytes: [UInt8], wireLength: Int? = nil) {
            self.time = time
            self.bytes = bytes
            self.wireLength = wireLength ?? bytes.count
        }
    }

    /// A pcap file (savefile(5)).
    public static func pcap(
        _ records: [Record], linkType: UInt32 = 1, isBigEndian: Bool = false,
        isNanosecond: Bool = false
    ) -> [UInt8] {
        func word(_ value: UInt32, _ count: Int = 4) -> [UInt8] {
            let bytes = Frame.bytes(UInt64(value), count)
            return isBigEndian ? bytes : bytes.reversed()
        }
        var file = word(isNanosecond ? 0xA1B2_3C4D : 0xA1B2_C3D4)
        file += word(2, 2) + word(4, 2) + word(0) + word(0) + word(65_535) + word(linkType)
        for record in records {
            let fraction = record.time.nanosecondOfSecond
            file += word(UInt32(record.time.second))
            file += word(UInt32(isNanosecond ? fraction : fraction / 1000))
            file += word(UInt32(record.bytes.count)) + word(UInt32(record.wireLength))
            file += record.bytes
        }
        return file
    }

    /// An interface of a pcapng file.
    public struct Interface: Sendable {
        public var linkType: UInt16
        /// `if_tsresol`: 6 is microseconds, 9 nanoseconds, with 0x80 a power of two.
        public var resolution: UInt8
        public init(linkType: UInt16 = 1, resolution: UInt8 = 6) {
            self.linkType = linkType
            self.resolution = resolution
        }
    }

    /// A pcapng file of one section; each record names its interface and its stamp in that unit.
    public static func pcapng(
        _ interfaces: [Interface], _ records: [(interface: Int, stamp: UInt64, bytes: [UInt8])],
        isBigEndian: Bool = false
    ) -> [UInt8] {
        func word(_ value: UInt64, _ count: Int = 4) -> [UInt8] {
            let bytes = Frame.bytes(value, count)
            return isBigEndian ? bytes : bytes.reversed()
        }
        func block(_ type: UInt64, _ body: [UInt8]) -> [UInt8] {
            let padding = [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
            let length = word(UInt64(12 + body.count + padding.count))
            return word(type) + length + body + padding + length
        }
        var file = block(
            0x0A0D_0D0A,
            word(0x1A2B_3C4D) + word(1, 2) + word(0, 2) + word(UInt64.max, 8))
        for interface in interfaces {
            file += block(
                1,
                word(UInt64(interface.linkType), 2) + word(0, 2) + word(65_535) + word(9, 2)
                    + word(1, 2) + [interface.resolution, 0, 0, 0] + word(0, 4))
        }
        for record in records {
            file += block(
                6,
                word(UInt64(record.interface)) + word(record.stamp >> 32)
                    + word(record.stamp & 0xFFFF_FFFF) + word(UInt64(record.bytes.count))
                    + word(UInt64(record.bytes.count)) + record.bytes)
        }
        return file
    }

    /// A name resolution block with a monitor's note, in the little-endian order of `pcapng`.
    public static func note(_ text: String) -> [UInt8] {
        func half(_ value: Int) -> [UInt8] { Frame.bytes(UInt64(value), 2).reversed() }
        func word(_ value: Int) -> [UInt8] { Frame.bytes(UInt64(value), 4).reversed() }
        let comment = Array("lazaret: \(text)".utf8)
        let padding = [UInt8](repeating: 0, count: (4 - comment.count % 4) % 4)
        let body = word(0) + half(1) + half(comment.count) + comment + padding + word(0)
        return word(4) + word(12 + body.count) + body + word(12 + body.count)
    }

    /// The packets of a pcap file in microseconds, in the form that `pcapng` accepts.
    public static func records(
        ofPcap file: [UInt8]
    ) -> [(interface: Int, stamp: UInt64, bytes: [UInt8])] {
        func word(_ at: Int) -> Int {
            file[at..<at + 4].reversed().reduce(0) { $0 << 8 | Int($1) }
        }
        var records: [(interface: Int, stamp: UInt64, bytes: [UInt8])] = []
        var at = 24
        while at + 16 <= file.count {
            let end = at + 16 + word(at + 8)
            let stamp = UInt64(word(at)) * 1_000_000 + UInt64(word(at + 4))
            records.append((0, stamp, Array(file[at + 16..<end])))
            at = end
        }
        return records
    }
}
