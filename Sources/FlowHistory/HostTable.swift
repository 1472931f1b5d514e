internal import NetworkAddresses

/// One end of flows: an address with the name that it had.
struct FlowHost: Hashable {
    var address: IPAddress
    /// The workload; empty for an address without a name.
    var name: String
}

/// The ends of a block's flows, each once. Rows name them by their number.
struct HostTable {
    private(set) var hosts: [FlowHost] = []
    private var numbers: [FlowHost: UInt16] = [:]

    /// The most bytes of a name; the rest is cut off.
    private static let nameLimit = 1024
    /// The most ends, since their numbers have 16 bits.
    private static let hostLimit = 1 << 16
    /// The most bytes of a table: each of 65,536 ends with an address and a name.
    private static let sizeLimit = 128 << 20

    init() {}

    /// The number of an end, which is added if it is new. A block has at most half as many rows as
    /// there are numbers.
    mutating func number(of host: FlowHost) -> UInt16 {
        if let number = numbers[host] { return number }
        let number = UInt16(truncatingIfNeeded: hosts.count)
        hosts.append(host)
        numbers[host] = number
        return number
    }

    /// The table as bytes: the number of names; each name with its length; the number of ends; each
    /// end's address in 16 bytes, and the number of its name.
    var bytes: [UInt8] {
        var names: [String: Int] = [:]
        var order: [String] = []
        for host in hosts where names[host.name] == nil {
            names[host.name] = order.count
            order.append(host.name)
        }
        var bytes: [UInt8] = []
        bytes.append(order.count, width: 4)
        for name in order {
            let text = name.utf8.prefix(Self.nameLimit)
            bytes.append(text.count, width: 2)
            bytes += text
        }
        bytes.append(hosts.count, width: 4)
        for host in hosts {
            bytes.append(host.address.high)
            bytes.append(host.address.low)
            bytes.append(names[host.name] ?? 0, width: 4)
        }
        return bytes
    }

    /// The table in a frame; nil if the frame is damaged.
    init?(frame: [UInt8]) {
        guard let size = ZstdFrame.contentSize(of: frame), size <= Self.sizeLimit,
            let bytes = ZstdFrame.content(of: frame, size: size)
        else { return nil }
        var reader = ByteReader(bytes)
        guard let nameCount = reader.integer(width: 4), nameCount <= Self.hostLimit else {
            return nil
        }
        var names: [String] = []
        for _ in 0..<nameCount {
            guard let length = reader.integer(width: 2), let text = reader.bytes(length) else {
                return nil
            }
            names.append(String(decoding: text, as: UTF8.self))
        }
        guard let count = reader.integer(width: 4), count <= Self.hostLimit else { return nil }
        for _ in 0..<count {
            guard let high = reader.word(), let low = reader.word(),
                let name = reader.integer(width: 4), name < names.count
            else { return nil }
            hosts.append(
                FlowHost(address: IPAddress(high: high, low: low), name: names[name]))
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

    mutating func bytes(_ count: Int) -> ArraySlice<UInt8>? {
        guard count <= content.count - position else { return nil }
        defer { position += count }
        return content[position..<position + count]
    }

    /// - Parameter width: at most 4 bytes.
    mutating func integer(width: Int) -> Int? {
        bytes(width)?.reversed().reduce(0) { $0 << 8 | Int($1) }
    }

    mutating func word() -> UInt64? {
        bytes(8)?.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}
