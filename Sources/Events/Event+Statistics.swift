extension Event {
    /// A monitor's counters since its start.
    public struct Statistics: Sendable, Equatable, Decodable {
        /// The status of one sink of events.
        public struct Sink: Sendable, Equatable, Decodable {
            public var name: String
            public var written: UInt64
            public var dropped: UInt64
            public var waiting: Int
            /// How long the oldest event has waited.
            public var lagSeconds: Double
            /// The reason why it currently does not deliver; nil if it does.
            public var trouble: String?

            public init(
                name: String, written: UInt64, dropped: UInt64, waiting: Int, lagSeconds: Double,
                trouble: String?
            ) {
                self.name = name
                self.written = written
                self.dropped = dropped
                self.waiting = waiting
                self.lagSeconds = lagSeconds
                self.trouble = trouble
            }

            private enum CodingKeys: String, CodingKey {
                case lagSeconds = "lag_s"
                case name, written, dropped, waiting, trouble
            }
        }

        public var uptimeSeconds: Int
        /// Counters by name, in Suricata's groups.
        public var capture: [String: UInt64] = [:]
        public var decoder: [String: UInt64] = [:]
        public var flow: [String: UInt64] = [:]
        public var lazaret: [String: UInt64] = [:]
        public var sinks: [Sink] = []

        public init(uptimeSeconds: Int) { self.uptimeSeconds = uptimeSeconds }

        private enum CodingKeys: String, CodingKey {
            case uptimeSeconds = "uptime"
            case capture, decoder, flow, lazaret, sinks
        }
    }
}
