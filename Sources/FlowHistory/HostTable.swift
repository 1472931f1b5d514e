internal import NetworkAddresses

/// One end of flows: an address with the name that it had.
struct FlowHost: Hashable {
    var address: IPAddress
    /// The workload; empty for an address without a name.
    var name: String
}

/// The ends of a block's flows, each once. Rows name them by their number.
struct HostTable {
    private(set) var addresses: [IPAddress] = []
    /// The number of each end's name.
    private(set) var nameNumbers: [Int32] = []
    /// Each name once.
    private(set) var names: [String] = []
    private var numbers: [FlowHost: UInt16] = [:]
    private var knownNames: [String: Int32] = [:]

    /// The most bytes of a name; the rest is cut off.
    static let nameLimit = 1024
    /// The most ends, since their numbers have 16 bits.
    private static let hostLimit = 1 << 16
    /// The most bytes of a table: each of 65,536 ends with an address and a name.
    private static let sizeLimit = 128 << 20
    /// Bytes of an end in a stored table.
    private static let hostSize = 20

    init() {}

    var count: Int { addresses.count }

    subscript(_ number: Int) -> FlowHost {
        FlowHost(address: addresses[number], name: names[Int(nameNumbers[number])])
    }

    /// The number of an end, which is added if it is new. A block has at most half as many rows as
    /// there are numbers.
    mutating func number(of host: FlowHost) -> UInt16 {
        if let number = numbers[host] { return number }
        let number = UInt16(truncatingIfNeeded: addresses.count)
        let name = knownNames[host.name] ?? Int32(truncatingIfNeeded: names.count)
        if Int(name) == names.count {
            names.append(host.name)
            knownNames[host.name] = name
        }
        addresses.append(host.address)
        nameNumbers.append(name)
        numbers[host] = number
        return number
    }

    /// The table as bytes: the number of names; each name with its length; the number of ends; each
    /// end's address in 16 bytes, and the number of its name.
    var bytes: [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(names.count, width: 4)
        for name in names {
            let text = name.utf8.prefix(Self.nameLimit)
            bytes.append(text.count, width: 2)
            bytes += text
        }
        bytes.append(count, width: 4)
        for (address, name) in zip(addresses, nameNumbers) {
            bytes.append(address.high)
            bytes.append(address.low)
            bytes.append(Int(name), width: 4)
        }
        return bytes
    }

    /// The table in a frame; nil if the frame is damaged.
    init?(frame: [UInt8]) {
        guard let size = ZstdFrame.contentSize(of: frame), size <= Self.sizeLimit,
            let bytes = ZstdFrame.content(of: frame, size: size)
        else { return nil }
        var reader = ByteReader(bytes)
        guard let nameCount = reader.integer(UInt32.self), nameCount <= Self.hostLimit else {
            return nil
        }
        for _ in 0..<nameCount {
            guard let length = reader.integer(UInt16.self), let text = reader.bytes(Int(length))
            else { return nil }
            names.append(String(decoding: text, as: UTF8.self))
        }
        guard let count = reader.integer(UInt32.self), count <= Self.hostLimit,
            reader.left >= Int(count) * Self.hostSize
        else { return nil }
        addresses.reserveCapacity(Int(count))
        nameNumbers.reserveCapacity(Int(count))
        for _ in 0..<count {
            guard let high = reader.integer(UInt64.self), let low = reader.integer(UInt64.self),
                let name = reader.integer(UInt32.self), name < names.count
            else { return nil }
            addresses.append(IPAddress(high: high, low: low))
            nameNumbers.append(Int32(truncatingIfNeeded: name))
        }
    }
}

extension [UInt8] {
    /// Appends the low bytes of a number, the lowest first.
    fileprivate mutating func append(_ value: Int, width: Int) {
        for index in 0..<width { append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
    }

    fileprivate mutating func append(_ value: UInt64) {
        for index in 0..<8 { append(UInt8(truncatingIfNeeded: value >> (8 * UInt64(index)))) }
    }
}

/// Reads numbers from bytes, and nil behind their end.
private struct ByteReader {
    private let content: [UInt8]
    private var position = 0

    init(_ content: [UInt8]) { self.content = content }

    var left: Int { content.count - position }

    /// Skips bytes, and returns them.
    mutating func bytes(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= left else { return nil }
        defer { position += count }
        return content[position..<position + count]
    }

    /// A number, the lowest byte first.
    mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type) -> T? {
        let size = MemoryLayout<T>.size
        guard size <= left else { return nil }
        defer { position += size }
        // SAFETY: every bit pattern is an integer; the load checks its own bounds.
        return unsafe T(
            littleEndian: content.span.bytes.unsafeLoadUnaligned(
                fromByteOffset: position, as: T.self))
    }
}
