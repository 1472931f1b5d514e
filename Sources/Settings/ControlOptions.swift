public import NetworkAddresses

/// The addresses and the access rights of the control server.
public struct ControlOptions: Sendable, Equatable {
    /// Path of the Unix socket; nil: none.
    public var socket: String? = "/run/lazaret/control.sock"
    /// TCP port; nil: none.
    public var port: Int?
    /// The address of the port. Any other than 127.0.0.1 and ::1 needs a certificate.
    public var address = IPAddress(v4: 0x7F00_0001)
    /// The file with the token for the port: one word of at least 16 characters. Clients that send
    /// it may act.
    public var tokenFile: String?
    /// The file with another token; clients that send it may only read.
    public var readTokenFile: String?
    /// PEM files with the port's certificate and its private key; nil: no TLS.
    public var certificateFile: String?
    public var keyFile: String?
    /// Users that may add and remove rules, in addition to root and the monitor's own user.
    public var operators: [String] = []
    /// Users, besides root, who may fence protected targets. They are operators too.
    public var overriders: [String] = []

    public init() {}
}
