/// Packets and bits a second, as means of ten seconds.
extension MonitorHub {
    public struct Rate: Encodable, Sendable {
        /// The first of the ten seconds, since 1970.
        public var second: Int64
        public var packets: Double
        public var bits: Double
        public var verdicts: UInt64
        /// The number of values of which the means are made.
        var count = 1.0

        private enum CodingKeys: CodingKey { case second, packets, bits, verdicts }
    }
}

/// The rates of the last hour, oldest first.
struct RateHistory: Sendable {
    static let step: Int64 = 10
    static let seconds: Int64 = 3600

    private(set) var rates: [MonitorHub.Rate] = []

    /// Adds the rates at one second.
    mutating func add(second: Int64, packets: Double, bits: Double, verdicts: UInt64) {
        let start = second - second % Self.step
        // If the clock was set back, what is now in the future is forgotten.
        rates.removeAll { $0.second > start || $0.second <= start - Self.seconds }
        guard var last = rates.last, last.second == start else {
            rates.append(
                MonitorHub.Rate(second: start, packets: packets, bits: bits, verdicts: verdicts))
            return
        }
        func mean(_ mean: Double, _ value: Double) -> Double {
            ((mean * last.count + value) / (last.count + 1) * 10).rounded() / 10
        }
        last.packets = mean(last.packets, packets)
        last.bits = mean(last.bits, bits).rounded()
        last.verdicts &+= verdicts
        last.count += 1
        rates[rates.count - 1] = last
    }

    mutating func restore(_ stored: [MonitorHub.Rate]) { rates = stored + rates }
}
