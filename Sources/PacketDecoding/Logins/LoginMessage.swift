/// What the first bytes of a TCP payload say about a login, where its protocol sends that in clear.
///
/// It is one packet's text and may be forged: `FlowMeter` counts an answer only after the client
/// sent something, and once.
public enum LoginMessage: UInt8, Sendable, BitwiseCopyable {
    /// Nothing, or nothing that can be read.
    case none
    /// A client's message that a refusal may answer.
    case attempt
    /// The server accepted a login.
    case granted
    /// The server refused a login.
    case refused
    /// The server answered a client's message with something else.
    case answered
    /// The server's answer shows that no login is being refused: another service uses the port, or
    /// the client may use the database.
    case foreign
}
