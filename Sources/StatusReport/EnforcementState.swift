public import Timestamps

/// Whether offenders are fenced, as configured or as an operator has switched it.
public struct EnforcementState: Codable, Sendable, Equatable {
    public enum Mode: String, Codable, Sendable, CaseIterable { case enforce, observe }

    /// The mode in use.
    public var mode: Mode
    /// The mode of the configuration.
    public var configured: Mode
    /// Who has switched it, and when; nil: the configured mode is in use.
    public var by: String?
    public var since: Timestamp?
    /// When the configured mode returns; nil: when an operator says so.
    public var until: Timestamp?
    public var reason: String?

    package init(
        mode: Mode, configured: Mode, by: String? = nil, since: Timestamp? = nil,
        until: Timestamp? = nil, reason: String? = nil
    ) {
        self.mode = mode
        self.configured = configured
        self.by = by
        self.since = since
        self.until = until
        self.reason = reason
    }
}
