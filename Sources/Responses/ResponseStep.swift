/// A step of a response; the raw values are the words in the audit trail, after `response`.
public enum ResponseStep: String, Sendable {
    case plan, prepare, apply
    /// It is in effect.
    case verify
    /// It was not in effect any more, and was applied again.
    case renew
    case undo
    /// The ends of a response.
    case undone, fail, skip, leave
}
