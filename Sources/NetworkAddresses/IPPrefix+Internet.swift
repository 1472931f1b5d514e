extension IPPrefix {
    /// Addresses that mean something else, or nothing, on the Internet (RFC 6890).
    private static let special: [IPPrefix] = [
        "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16",
        "172.16.0.0/12", "192.168.0.0/16", "224.0.0.0/3", "::/8", "64:ff9b::/96", "fc00::/7",
        "fe80::/10", "fec0::/10", "ff00::/8",
    ].compactMap { IPPrefix($0) }

    /// Whether it has an address that is private, shared, loopback, link-local, multicast or
    /// reserved, so that it is not the same host everywhere.
    public var hasSpecialAddress: Bool { Self.special.contains { $0.overlaps(self) } }

    /// Whether it is more than any single site has: wider than /16, or /32 of IPv6.
    public var isWide: Bool { length < (address.isIPv4 ? 16 : 32) }
}
