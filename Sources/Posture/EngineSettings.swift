/// What is known about an engine.
struct EngineSettings {
    var isPodman: Bool
    /// Whether containers have a user namespace unless they refuse it; nil: unknown.
    var hasUserNamespaces: Bool?
    /// The path of its socket; nil: unknown.
    var socket: String?
}
