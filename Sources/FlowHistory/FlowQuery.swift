public import NetworkAddresses
public import Timestamps

/// Which flows of the history are wanted.
public struct FlowQuery: Sendable, Equatable {
    /// One end of a flow.
    public enum Host: Sendable, Equatable, CustomStringConvertible {
        case name(String)
        case prefix(IPPrefix)

        /// An address or a prefix, else the name of a workload; nil for text of digits, dots and
        /// a slash, or with an address before the slash, that is no prefix.
        public init?(_ text: String) {
            if let prefix = IPPrefix(text) {
                self = .prefix(prefix)
            } else {
                let start = text.prefix { $0 != "/" }
                let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
                let isNumeric = text.utf8.allSatisfy {
                    digits ~= $0 || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "/")
                }
                let isWrongPrefix = start.count < text.count && IPAddress(String(start)) != nil
                guard !isWrongPrefix, !(isNumeric && text.contains(".")) else { return nil }
                self = .name(text)
            }
        }

        public var description: String {
            switch self {
            case .name(let name): name
            case .prefix(let prefix): "\(prefix)"
            }
        }

        func matches(_ host: FlowHost) -> Bool {
            switch self {
            case .name(let name): host.name == name
            case .prefix(let prefix): prefix.contains(host.address)
            }
        }
    }

    /// A service: a port of the responder.
    public struct Port: Sendable, Equatable {
        public var number: UInt16
        /// Nil: any.
        public var ipProtocol: UInt8?

        /// Parses `443`, `tcp/443` or `udp/53`; nil for other text.
        public init?(_ text: String) {
            let parts = text.split(separator: "/", omittingEmptySubsequences: false)
            guard (1...2).contains(parts.count), let last = parts.last,
                last.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
                let number = UInt16(last)
            else { return nil }
            self.number = number
            guard parts.count == 2 else { return }
            guard let found = FlowProtocol.number(String(parts[0])) else { return nil }
            ipProtocol = found
        }
    }

    /// Flows that were active at this time or later, and at this time or earlier.
    public var from: Timestamp?
    public var to: Timestamp?
    /// One end of the flow, and the other one.
    public var workload: Host?
    public var peer: Host?
    public var port: Port?

    public init() {}
}

/// Names of IP protocols.
package enum FlowProtocol {
    private static let names: [(number: UInt8, name: String)] = [
        (1, "icmp"), (6, "tcp"), (17, "udp"), (58, "icmp6"), (132, "sctp"),
    ]

    package static func number(_ name: String) -> UInt8? { names.first { $0.name == name }?.number }

    /// The protocol's name, else its number.
    package static func name(_ number: UInt8) -> String {
        names.first { $0.number == number }?.name ?? "\(number)"
    }
}

/// A query's conditions for the ends of one block, evaluated once for each end.
struct BlockMatch {
    private let query: FlowQuery
    private let workloads: [Bool]
    private let peers: [Bool]
    /// Whether any flow of the block can match.
    let isPossible: Bool

    init(_ query: FlowQuery, _ table: HostTable) {
        self.query = query
        func matches(_ host: FlowQuery.Host?) -> [Bool] {
            guard let host else { return [] }
            return table.hosts.map(host.matches)
        }
        workloads = matches(query.workload)
        peers = matches(query.peer)
        isPossible =
            (query.workload == nil || workloads.contains(true))
            && (query.peer == nil || peers.contains(true))
    }

    func matches(_ row: Int, of block: FlowBlock) -> Bool {
        let (originator, responder) = block.ends(row)
        let count = block.table.hosts.count
        guard originator < count, responder < count else { return false }
        switch (workloads.isEmpty, peers.isEmpty) {
        case (true, true): break
        case (false, true):
            guard workloads[originator] || workloads[responder] else { return false }
        case (true, false): guard peers[originator] || peers[responder] else { return false }
        case (false, false):
            guard
                workloads[originator] && peers[responder]
                    || workloads[responder] && peers[originator]
            else { return false }
        }
        if let port = query.port {
            let service = block.service(row)
            guard service.port == port.number,
                port.ipProtocol.map({ $0 == service.ipProtocol }) ?? true
            else { return false }
        }
        guard query.from != nil || query.to != nil else { return true }
        let (start, end) = block.times(row)
        if let from = query.from, end < from.milliseconds { return false }
        if let to = query.to, start > to.milliseconds { return false }
        return true
    }
}
