extension StatusText {
    /// The responses of one action: `pause: 2 in effect, 1 waiting; so far 3 applied, 1 undone`.
    static func text(_ responses: MonitorStatus.Responses) -> String {
        let counts: [(UInt64, String)] = [
            (responses.applied, "applied"), (responses.undone, "undone"),
            (responses.failed, "failed"), (responses.retried, "retried"),
            (responses.skipped, "skipped"), (responses.left, "left"),
        ]
        return "\(responses.action): \(responses.standing) in effect, "
            + "\(responses.waiting) waiting; so far "
            + counts.map { "\(grouped($0.0)) \($0.1)" }.joined(separator: ", ")
    }
}
