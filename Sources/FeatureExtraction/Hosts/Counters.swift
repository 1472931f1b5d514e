/// The sums that a window needs; at most sixteen, so a bucket is one SIMD vector.
enum Counter: Int {
    /// `accepted` counts flows that were answered and not refused; `served` counts packets that the
    /// host received on flows that others opened to services that the baseline has there, without
    /// ICMP errors. Above, in this order: logins on new pairs, logins that were refused, logins
    /// that were granted, and conversations of equal sizes.
    case flows, accepted, served, packetsOut
    /// `bytesFromOutside` has its bytes in the low 44 bits, and above, in units of four bytes, what
    /// unknown DNS names were longer than ordinary ones. `bytesOutside` has the UDP flows there,
    /// `bytesOut` the connections that another host cut off, or that the server ended without an
    /// exchange, and `bytesIn` those of them without a byte at services that hide logins.
    case bytesOut, bytesIn, bytesOutside, bytesFromOutside
    /// Two sums, as in `dnsNames` and `icmp`: flows on new pairs in the high 32 bits, and those of
    /// them that were answered and not refused in the low 32 bits.
    case newEdges
    /// `dnsNames` holds hundredths of entropy above, bytes of the names below.
    /// `nxdomain` holds them below, and above the connections that were answered, and that the
    /// address they came from reset before it used the answer. `dnsQueries` holds above the logins
    /// that were refused or cannot be read.
    case dnsQueries, dnsNames, nxdomain
    /// Packets in the high bits, their bytes in the low bits.
    case icmp
    /// Flows to services that ask for a login below; above, refusals by services that refuse
    /// several of their clients, of flows and of logins.
    case logins
    /// TCP flows whose handshake was completed above, frames with another's source address below.
    case proof
    /// Packets of any kind attributed to the host, ARP too: separates active seconds from idle
    /// ones. Above, frames to all hosts of a link beyond the ordinary rate.
    case activity
}

typealias Counters = SIMD16<UInt64>

extension Counters {
    /// The value 1 in the high half of a counter.
    static let high: UInt64 = 1 << 32

    /// The bits of `bytesOut` and its like that are bytes.
    static let amountBits: UInt64 = 44

    /// Bytes of unknown DNS names beyond the length of ordinary ones.
    var nameExcess: UInt64 { (self[.bytesFromOutside] >> Self.amountBits) << 2 }
    var bytesFromOutside: UInt64 { self[.bytesFromOutside] & ((1 << Self.amountBits) - 1) }
    /// Flows of UDP.
    var datagramFlows: UInt64 { self[.bytesOutside] >> Self.amountBits }
    var bytesOutside: UInt64 { self[.bytesOutside] & ((1 << Self.amountBits) - 1) }
    /// Connections that came to nothing after they were accepted.
    var cutFlows: UInt64 { self[.bytesOut] >> Self.amountBits }
    var bytesOut: UInt64 { self[.bytesOut] & ((1 << Self.amountBits) - 1) }
    /// Those of them at services that hide logins, without a byte of the server.
    var unansweredLogins: UInt64 { self[.bytesIn] >> Self.amountBits }
    var bytesIn: UInt64 { self[.bytesIn] & ((1 << Self.amountBits) - 1) }

    func high(_ counter: Counter) -> UInt64 { self[counter.rawValue] >> 32 }
    func low(_ counter: Counter) -> UInt64 { self[counter.rawValue] & 0xFFFF_FFFF }

    @inline(__always)
    subscript(counter: Counter) -> UInt64 {
        get { self[counter.rawValue] }
        set { self[counter.rawValue] = newValue }
    }
}
