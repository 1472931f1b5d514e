/// The addresses and the access rights of the control server.
public struct ControlOptions: Sendable, Equatable {
    /// Path of the Unix socket; nil: none.
    public var socket: String? = "/run/lazaret/control.sock"
    /// Port on 127.0.0.1; nil: none.
    public var port: Int?
    /// The file with the token for the loopback port: one word of at least 16 characters.
    public var tokenFile: String?
    /// Users that may add and remove rules, in addition to root and the monitor's own user.
    public var operators: [String] = []
    /// Users, besides root, who may fence protected targets. They are operators too.
    public var overriders: [String] = []

    public init() {}
}
