/// What became of an action.
public struct QuarantineOutcome: Sendable {
    public var action: QuarantineAction
    /// Nil: done (or, in a dry run, all but done). Otherwise why not.
    public var failure: QuarantineError?
    /// Whether it is a fence that stood before, put back.
    public var isPutBack: Bool

    public init(action: QuarantineAction, failure: QuarantineError?, isPutBack: Bool = false) {
        self.action = action
        self.failure = failure
        self.isPutBack = isPutBack
    }
}
