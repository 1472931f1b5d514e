public import NetworkAddresses

/// Bytes of packets for tests, built from the inside out: each function adds a header to its
/// payload. All lengths are correct; checksums that are not verified are zero.
public enum Frame {
    /// The low `count` bytes of `value`, network byte order.
    public static func bytes(_ value: UInt64, _ count: Int) -> [UInt8] {
        (0..<count).reversed().map { UInt8(truncatingIfNeeded: value >> UInt64($0 * 8)) }
    }

    /// An address from its text; `::` if it is invalid.
    public static func address(_ text: String) -> IPAddress { IPAddress(text) ?? .unspecified }

    public static func tcp(
        _ source: UInt16, _ destination: UInt16, flags: UInt8, sequence: UInt32 = 1000,
        acknowledgment: UInt32 = 0, window: UInt16 = 64_240, payload: [UInt8] = []
    ) -> [UInt8] {
        bytes(UInt64(source), 2) + bytes(UInt64(destination), 2) + bytes(UInt64(sequence), 4)
            + bytes(UInt64(acknowledgment), 4) + [0x50, flags] + bytes(UInt64(window), 2)
            + [0, 0, 0, 0] + payload
    }

    public static func udp(_ source: UInt16, _ destination: UInt16, _ payload: [UInt8]) -> [UInt8] {
        bytes(UInt64(source), 2) + bytes(UInt64(destination), 2)
            + bytes(UInt64(payload.count + 8), 2) + [0, 0] + payload
    }

    /// An SCTP common header and a payload.
    public static func sctp(_ source: UInt16, _ destination: UInt16, _ payload: [UInt8]) -> [UInt8]
    {
        bytes(UInt64(source), 2) + bytes(UInt64(destination), 2) + bytes(0, 8) + payload
    }

    public static func icmp(type: UInt8, code: UInt8, rest: UInt32 = 0, _ payload: [UInt8] = [])
        -> [UInt8]
    {
        [type, code, 0, 0] + bytes(UInt64(rest), 4) + payload
    }

    public static func ipv4(
        _ source: String, _ destination: String, _ number: UInt8, _ payload: [UInt8],
        identifier: UInt16 = 0, fragment: UInt16 = 0, options: [UInt8] = []
    ) -> [UInt8] {
        var header: [UInt8] = [0x45 + UInt8(options.count / 4), 0]
        header += bytes(UInt64(20 + options.count + payload.count), 2)
        header += bytes(UInt64(identifier), 2) + bytes(UInt64(fragment), 2)
        header += [64, number, 0, 0] + address(source).bytes + address(destination).bytes
        header += options
        var sum = stride(from: 0, to: header.count, by: 2).reduce(UInt32(0)) {
            $0 + (UInt32(header[$1]) << 8 | UInt32(header[$1 + 1]))
        }
        while sum > 0xFFFF { sum = (sum & 0xFFFF) + (sum >> 16) }
        header[10] = UInt8(~sum >> 8 & 255)
        header[11] = UInt8(~sum & 255)
        return header + payload
    }

    /// `next` is the number of the first thing in `payload`, which may begin with extension
    /// headers.
    public static func ipv6(
        _ source: String, _ destination: String, _ next: UInt8, _ payload: [UInt8]
    ) -> [UInt8] {
        [0x60, 0, 0, 0] + bytes(UInt64(payload.count), 2) + [next, 64]
            + address(source).bytes + address(destination).bytes + payload
    }

    /// An Ethernet frame; `tags` are pairs of tag protocol and VLAN id, outermost first.
    public static func ethernet(
        _ type: UInt16, _ payload: [UInt8], tags: [(UInt16, UInt16)] = []
    ) -> [UInt8] {
        var frame: [UInt8] = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1]
        for (tag, identifier) in tags {
            frame += bytes(UInt64(tag), 2) + bytes(UInt64(identifier), 2)
        }
        return frame + bytes(UInt64(type), 2) + payload
    }

    public static func arp(
        operation: UInt16, _ sender: String, _ target: String
    ) -> [UInt8] {
        [0, 1, 8, 0, 6, 4] + bytes(UInt64(operation), 2) + [2, 0, 0, 0, 0, 1]
            + address(sender).bytes + [0, 0, 0, 0, 0, 0] + address(target).bytes
    }

    public static func vxlan(_ network: UInt32, _ inner: [UInt8]) -> [UInt8] {
        [8, 0, 0, 0] + bytes(UInt64(network) << 8, 4) + inner
    }

    public static func geneve(_ network: UInt32, _ inner: [UInt8], options: [UInt8] = []) -> [UInt8]
    {
        [UInt8(options.count / 4), 0, 0x65, 0x58] + bytes(UInt64(network) << 8, 4) + options + inner
    }

    public static func gre(_ type: UInt16, key: UInt32? = nil, _ inner: [UInt8]) -> [UInt8] {
        (key == nil ? [0, 0] : [0x20, 0]) + bytes(UInt64(type), 2)
            + (key.map { bytes(UInt64($0), 4) } ?? []) + inner
    }

    /// A GTP-U packet with a sequence number and no extension header.
    public static func gtpU(_ tunnel: UInt32, _ inner: [UInt8]) -> [UInt8] {
        [0x32, 255] + bytes(UInt64(inner.count + 4), 2) + bytes(UInt64(tunnel), 4) + [0, 1, 0, 0]
            + inner
    }

    /// Two labels, the second the last.
    public static func mpls(_ inner: [UInt8]) -> [UInt8] {
        bytes(0x0001_0040, 4) + bytes(0x0002_0140, 4) + inner
    }

    public static func pppoe(_ number: UInt16, _ inner: [UInt8]) -> [UInt8] {
        [0x11, 0, 0, 7] + bytes(UInt64(inner.count + 2), 2) + bytes(UInt64(number), 2) + inner
    }

    /// Linux cooked capture v1.
    public static func cooked(_ type: UInt16, _ payload: [UInt8]) -> [UInt8] {
        [0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0] + bytes(UInt64(type), 2) + payload
    }

    /// Linux cooked capture v2.
    public static func cooked2(_ type: UInt16, _ payload: [UInt8]) -> [UInt8] {
        bytes(UInt64(type), 2) + [0, 0, 0, 0, 0, 3, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0] + payload
    }

    /// A DNS message with one question for an A record.
    public static func dns(
        _ name: String, identifier: UInt16 = 7, isResponse: Bool = false, code: UInt8 = 0
    ) -> [UInt8] {
        var message = bytes(UInt64(identifier), 2) + [isResponse ? 0x81 : 1, code]
        message += [0, 1, 0, isResponse ? 1 : 0, 0, 0, 0, 0]
        for label in name.split(separator: ".") {
            message += [UInt8(label.utf8.count)] + Array(label.utf8)
        }
        return message + [0, 0, 1, 0, 1]
    }
}
