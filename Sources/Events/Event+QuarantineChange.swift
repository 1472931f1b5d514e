public import Quarantine
public import Timestamps

extension Event {
    /// A decision about a quarantine rule, and what became of it.
    public struct QuarantineChange: Sendable, Equatable {
        /// What was decided; the raw values are the words of events and of the audit trail.
        public enum Action: String, Sendable {
            case add = "fence"
            case extend, release, expire, refuse
        }

        /// Rules on several targets may share it.
        public var quarantineID: String
        public var action: Action
        /// The rail that forbade the rule.
        public var refusal: String?
        public var target: QuarantineTarget
        public var response: QuarantineRule.Action
        /// When the rule ends.
        public var until: Timestamp
        public var reason: String
        /// The alert that led to the rule; nil by hand.
        public var eventID: String?
        public var workload: String?
        /// The command that removes the rule.
        public var undo: String
        public var isDryRun = false
        /// Why it could not be done; nil: done, or all but done in a dry run.
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
