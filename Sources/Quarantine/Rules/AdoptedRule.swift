public import NetworkAddresses
public import Timestamps

/// A rule that another program's decision asks for.
public struct AdoptedRule: Sendable, Equatable {
    public var prefix: IPPrefix
    public var expires: Timestamp
    /// `crowdsec:`, and the scenario that led to the decision.
    public var origin: String
    public var reason: String

    public init(prefix: IPPrefix, expires: Timestamp, origin: String, reason: String) {
        self.prefix = prefix
        self.expires = expires
        self.origin = origin
        self.reason = reason
    }

    /// The beginning of the identifiers of a source's rules.
    ///
    /// - Parameter name: without colons.
    package static func mark(of name: String) -> String { "c:\(name):" }
}

extension QuarantineRule {
    /// The name of the source of decisions whose rule it is; nil if it is of the policy or of an
    /// operator.
    public var source: String? {
        guard isAdopted else { return nil }
        let parts = id.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 3 && parts[0] == "c" ? String(parts[1]) : nil
    }
}
