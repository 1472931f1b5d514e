/// Where a running monitor answers.
public struct ControlOptions: Sendable, Equatable {
    /// Path of the Unix socket; nil: none.
    public var socket: String? = "/run/lazaret/control.sock"
    /// Port on 127.0.0.1; nil: none.
    public var port: Int?
    /// File that holds the token for the loopback port: one word of at least 16 characters.
    public var tokenFile: String?
    /// Users, beside root and the monitor's own, who may fence and release.
    public var operators: [String] = []

    public init() {}
}
