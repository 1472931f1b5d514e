public import Quarantine
public import Timestamps

extension Event {
    /// A decision about a quarantine rule, and its result.
    public struct QuarantineChange: Sendable, Equatable {
        /// The action; the raw values are the words in events.
        public enum Action: String, Sendable {
            case add = "fence"
            case protect, extend, release, expire
            case refuse = "refused"

            /// The word in an event; earlier versions wrote `refuse`.
            init?(word: String) {
                self.init(rawValue: word == "refuse" ? "refused" : word)
            }
        }

        /// Rules on several targets may share it.
        public var quarantineID: String
        public var action: Action
        /// The safety limit that forbade the rule.
        public var refusal: String?
        public var target: QuarantineTarget
        public var response: QuarantineRule.Action
        /// When the rule expires.
        public var until: Timestamp
        public var reason: String
        /// The alert that led to the rule; nil if an operator added it.
        public var eventID: String?
        public var workload: String?
        /// The command that removes the rule.
        public var undo: String
        public var isDryRun = false
        /// Why it failed; nil: done, except for the last call to the kernel in a dry run.
        public var failure: String?

        public init(
            quarantineID: String, action: Action, target: QuarantineTarget,
            response: QuarantineRule.Action, until: Timestamp, reason: String, undo: String
        ) {
            self.quarantineID = quarantineID
            self.action = action
            self.target = target
            self.response = response
            self.until = until
            self.reason = reason
            self.undo = undo
        }
    }
}
