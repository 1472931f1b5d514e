extension Event {
    /// A step of a response beyond nftables, and its result.
    public struct ResponseChange: Sendable, Equatable {
        /// What has happened; the raw values are the words in events.
        public enum State: String, Sendable, CaseIterable {
            /// It is in effect, and that was verified.
            case inEffect = "in_effect"
            /// It was not in effect any more, and was applied again.
            case renewed
            case undone
            /// It was given up; what was applied of it was undone.
            case failed
            /// It was not needed, or not allowed.
            case skipped
            /// Somebody else has changed the object, which is left as it was found.
            case left
        }

        /// The entry's name in the configuration.
        public var entry: String
        /// The entry's action.
        public var action: String
        public var state: State
        /// The rule that it belongs to.
        public var quarantineID: String
        /// The rule's target.
        public var target: String
        /// The name of the container or pod, or the target.
        public var object: String
        public var workload: String?
        /// The alert that led to the rule; nil if an operator added it.
        public var eventID: String?
        /// What is to be known about it.
        public var detail: String

        public init(
            entry: String, action: String, state: State, quarantineID: String, target: String,
            object: String, workload: String? = nil, eventID: String? = nil, detail: String = ""
        ) {
            self.entry = entry
            self.action = action
            self.state = state
            self.quarantineID = quarantineID
            self.target = target
            self.object = object
            self.workload = workload
            self.eventID = eventID
            self.detail = detail
        }
    }
}
