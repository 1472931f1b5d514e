import Timestamps

/// A recording as a monitor writes it: a description of each port, and each frame with its port.
public struct PortRecording {
    /// The ports by their names, numbered from 1 in this order.
    public var ports: [String]
    /// Ports behind which several hosts may be.
    public var shared: Set<String> = []
    private var blocks: [UInt8] = []

    public init(ports: [String], shared: Set<String> = []) {
        self.ports = ports
        self.shared = shared
        blocks = Self.block(
            0x0A0D_0D0A,
            Self.word(0x1A2B_3C4D) + Self.word(1, 2) + Self.word(0, 2)
                + [UInt8](repeating: 0xFF, count: 8))
        for (index, name) in ports.enumerated() {
            let isShared = shared.contains(name) ? " shared" : ""
            blocks += Self.block(
                1,
                Self.word(1, 2) + Self.word(0, 2) + Self.word(65_535)
                    + Self.option(2, Array(name.utf8))
                    + Self.option(1, Array("lazaret: port \(index + 1) of run a\(isShared)".utf8))
                    + Self.option(9, [9]) + Self.word(0))
        }
    }

    /// Adds a frame that came in by a port.
    public mutating func add(_ record: CaptureFile.Record, port: String) {
        let stamp = UInt64(record.time.nanoseconds)
        let padding = [UInt8](repeating: 0, count: (4 - record.bytes.count % 4) % 4)
        // epb_flags: inbound, for another host.
        let flags = Self.option(2, Self.word(1 | 4 << 2)) + Self.word(0)
        blocks += Self.block(
            6,
            Self.word(UInt64(ports.firstIndex(of: port) ?? 0)) + Self.word(stamp >> 32)
                + Self.word(stamp & 0xFFFF_FFFF) + Self.word(UInt64(record.bytes.count))
                + Self.word(UInt64(record.wireLength)) + record.bytes + padding + flags)
    }

    /// Notes that a port was gone at the time of a record.
    public mutating func remove(port: String, at record: CaptureFile.Record) {
        let number = (ports.firstIndex(of: port) ?? 0) + 1
        blocks += CaptureFile.note("ports of run a gone at \(record.time.nanoseconds): \(number)")
    }

    /// The file.
    public var bytes: [UInt8] { blocks }

    private static func word(_ value: UInt64, _ count: Int = 4) -> [UInt8] {
        Frame.bytes(value, count).reversed()
    }

    private static func option(_ code: UInt64, _ value: [UInt8]) -> [UInt8] {
        word(code, 2) + word(UInt64(value.count), 2) + value
            + [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
    }

    private static func block(_ type: UInt64, _ body: [UInt8]) -> [UInt8] {
        let length = word(UInt64(12 + body.count))
        return word(type) + length + body + length
    }
}
