/// Histories of scores with a known law.
enum GeneratedHistory: String, CaseIterable {
    case flat, linear, step, week, walk, incidents

    func scores(_ days: Int, _ generator: inout some RandomNumberGenerator) -> [Double] {
        func uniform(_ range: ClosedRange<Double>) -> Double {
            Double.random(in: range, using: &generator)
        }
        // The sum of twelve uniform numbers is nearly normal.
        func normal(_ deviation: Double) -> Double {
            ((0..<12).reduce(0) { sum, _ in sum + uniform(0...1) } - 6) * deviation
        }
        let slope = uniform(-0.6...0.9)
        let start = Int(uniform(0...Double(days)))
        let height = uniform(10...30)
        var state = self == .walk ? 50.0 : 0
        return (0..<days).map { day in
            let score: Double
            switch self {
            case .flat: score = 30 + normal(4)
            case .linear: score = 40 + slope * (Double(day) - Double(days) / 2) + normal(3)
            case .step: score = 20 + (day >= start ? height : 0) + normal(3)
            case .week: score = 30 + ((day + start) % 7 >= 5 ? 8 : 0) + normal(3)
            case .walk:
                state = min(max(state + normal(3), 0), 100)
                score = state
            case .incidents:
                // Incidents come by chance and fade with a half-life of three days.
                state *= 0.794
                if uniform(0...1) < 0.06 { state = min(60, state + uniform(10...40)) }
                score = 15 + state + normal(2)
            }
            return min(max(score, 0), 100)
        }
    }
}
