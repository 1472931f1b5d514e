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
