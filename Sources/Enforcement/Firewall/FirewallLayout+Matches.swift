internal import NetworkAddresses
internal import Nftables
internal import Quarantine

/// The parts of rules: each is `nft` text and the equivalent expressions.
extension FirewallLayout.Rule {
    typealias Expression = FirewallLayout.Expression
    typealias Family = FirewallLayout.Family
    typealias Key = FirewallLayout.Key
    typealias End = FirewallLayout.End

    /// The direction of a tracked packet.
    enum Direction: UInt8, Sendable { case original = 0, reply = 1 }

    static let drop = Self(text: "drop", expressions: [.verdict(.drop)])
    /// Leaves our chain; other tables still process the packet.
    static let goOn = Self(text: "return", expressions: [.verdict(.goOn)])

    static func jump(_ chain: String) -> Self {
        Self(text: "jump \(chain)", expressions: [.verdict(.jump(chain))])
    }

    /// `add @set { ip saddr counter }` and similar.
    static func count(
        _ family: Family, _ key: Key, _ end: End, _ action: QuarantineRule.Action,
        typed: Bool = false
    ) -> Self {
        let set = FirewallLayout.SetSpec.name(action, key.isIPv4 ? .seen4 : .seen6)
        return Self(
            text: "add @\(set) { \(words(isIPv4: key.isIPv4, end)) counter }",
            expressions: (typed ? [] : type(family, isIPv4: key.isIPv4))
                + [load(isIPv4: key.isIPv4, end), .count(set: set)])
    }

    /// Counts the sender or target of an ARP frame.
    static func arp(_ end: End, count set: String) -> Self {
        let address = arp(end)
        return Self(
            text: "add @\(set) { \(address.text) counter }",
            expressions: address.expressions + [.count(set: set)])
    }

    private static func type(_ family: Family, isIPv4: Bool) -> [Expression] {
        family == .inet
            ? [.meta(.family), .equals([isIPv4 ? 2 : 10])]
            : [.meta(.etherType), .equals(isIPv4 ? [8, 0] : [0x86, 0xDD])]
    }

    private static func load(isIPv4: Bool, _ end: End) -> Expression {
        switch (isIPv4, end) {
        case (true, .source): .payload(.network, offset: 12, length: 4)
        case (true, .destination): .payload(.network, offset: 16, length: 4)
        case (false, .source): .payload(.network, offset: 8, length: 16)
        case (false, .destination): .payload(.network, offset: 24, length: 16)
        }
    }

    private static func words(isIPv4: Bool, _ end: End) -> String {
        (isIPv4 ? "ip " : "ip6 ") + (end == .source ? "saddr" : "daddr")
    }

    /// `ip saddr @set` and similar; `typed`: an earlier part has already matched the family.
    static func address(
        _ family: Family, _ key: Key, _ end: End, set: String, typed: Bool = false
    ) -> Self {
        Self(
            text: "\(words(isIPv4: key.isIPv4, end)) @\(set)",
            expressions: (typed ? [] : type(family, isIPv4: key.isIPv4))
                + [load(isIPv4: key.isIPv4, end), .lookup(set: set)])
    }

    /// `ip6 daddr ADDRESS`; an earlier part has already matched the family.
    static func address(_ address: IPAddress, _ end: End) -> Self {
        Self(
            text: "\(words(isIPv4: address.isIPv4, end)) \(address)",
            expressions: [load(isIPv4: address.isIPv4, end), .equals(address.bytes)])
    }

    static func link(_ end: End, set: String) -> Self {
        Self(
            text: "ether \(end == .source ? "saddr" : "daddr") @\(set)",
            expressions: [
                .payload(.link, offset: end == .source ? 6 : 0, length: 6), .lookup(set: set),
            ])
    }

    static func port(_ end: End, set: String) -> Self {
        Self(
            text: "\(end == .source ? "iifname" : "oifname") @\(set)",
            expressions: [
                .meta(end == .source ? .inputName : .outputName), .lookup(set: set),
            ])
    }

    static func member(_ set: String) -> Self {
        Self(text: "@\(set)", expressions: [.lookup(set: set)])
    }

    static func equals(_ address: IPAddress) -> Self {
        Self(text: "\(address)", expressions: [.equals(address.bytes)])
    }

    /// The sender's or target's IPv4 address of an ARP frame.
    static func arp(_ end: End) -> Self {
        Self(
            text: "arp \(end == .source ? "saddr" : "daddr") ip",
            expressions: [
                .meta(.etherType), .equals([8, 6]),
                .payload(.network, offset: end == .source ? 14 : 24, length: 4),
            ])
    }

    /// A kept service as the source or destination of a packet.
    static func service(_ service: KeptService, _ family: Family, _ end: End) -> Self {
        let isIPv4 = service.address.isIPv4
        var rule = Self(text: "", expressions: type(family, isIPv4: isIPv4))
        rule.text = "\(words(isIPv4: isIPv4, end)) \(service.address)"
        rule.expressions += [load(isIPv4: isIPv4, end), .equals(service.address.bytes)]
        guard let port = service.port else { return rule }
        let isSource = end == .source
        let number = [UInt8(port.number >> 8), UInt8(port.number & 255)]
        rule.text += " \(port.transport.rawValue) \(isSource ? "sport" : "dport") \(port.number)"
        rule.expressions += [
            .meta(.transport), .equals([port.transport == .tcp ? 6 : 17]),
            .payload(.transport, offset: isSource ? 0 : 2, length: 2), .equals(number),
        ]
        return rule
    }

    static func tracked(_ direction: Direction) -> Self {
        Self(
            text: "ct direction \(direction)",
            expressions: [.trackedDirection, .equals([direction.rawValue])])
    }

    private static func transport(_ number: UInt8, _ key: Key, _ family: Family = .bridge) -> Self {
        let name = number == 6 ? "tcp" : number == 1 ? "icmp" : "ipv6-icmp"
        let network =
            family == .bridge
            ? "meta protocol \(key.isIPv4 ? "ip" : "ip6")"
            : "meta nfproto \(key.isIPv4 ? "ipv4" : "ipv6")"
        return Self(
            text: "\(network) meta l4proto \(name)",
            expressions: type(family, isIPv4: key.isIPv4) + [
                .meta(.transport), .equals([number]),
            ])
    }

    /// A TCP packet that opens a connection, or the reply to one.
    static func opening(_ key: Key, answer: Bool, _ family: Family = .bridge) -> Self {
        transport(6, key, family)
            + Self(
                text: "tcp flags & (syn | ack) == \(answer ? "(syn | ack)" : "syn")",
                expressions: [
                    .payload(.transport, offset: 13, length: 1), .mask([0x12]),
                    .equals([answer ? 0x12 : 0x02]),
                ])
    }

    /// The first packet of a connection that is not TCP's, in the inet family.
    static func newConnection(_ key: Key) -> Self {
        Self(
            text: "meta nfproto \(key.isIPv4 ? "ipv4" : "ipv6") meta l4proto != tcp ct state new",
            expressions: type(.inet, isIPv4: key.isIPv4) + [
                .meta(.transport), .differs([6]),
                // A bit in the host's byte order.
                .trackedState, .mask([8, 0, 0, 0]), .differs([0, 0, 0, 0]),
            ])
    }

    static func echoRequest(_ key: Key) -> Self {
        transport(key.isIPv4 ? 1 : 58, key)
            + Self(
                text: "\(key.isIPv4 ? "icmp" : "icmpv6") type echo-request",
                expressions: [
                    .payload(.transport, offset: 0, length: 1), .equals([key.isIPv4 ? 8 : 128]),
                ])
    }

    /// An ICMPv6 neighbour solicitation (135) or advertisement (136).
    static func discovery(_ type: UInt8, _ family: Family) -> Self {
        transport(58, .host6, family)
            + Self(
                text: "icmpv6 type nd-neighbor-\(type == 135 ? "solicit" : "advert")",
                expressions: [.payload(.transport, offset: 0, length: 1), .equals([type])])
    }

    static func discoveryTarget(_ address: IPAddress) -> Self {
        func hex(_ half: UInt64) -> String {
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }
        return Self(
            text: "@th,64,128 0x\(hex(address.high))\(hex(address.low))",
            expressions: [
                .payload(.transport, offset: 8, length: 16), .equals(address.bytes),
            ])
    }
}
