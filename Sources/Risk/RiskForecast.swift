internal import Glibc

/// The expected score of a workload in some days, with an interval that holds it four times of
/// five.
///
/// The model is exponential smoothing, either of a level alone or of a level with a damped trend
/// (Hyndman and Athanasopoulos, Forecasting: Principles and Practice, chapter 8). Its parameters
/// are those of a small grid with the least corrected information criterion (AICc), and the
/// variance of the forecast follows from them and from the errors of one day. The score is the
/// day's highest.
public struct RiskForecast: Sendable, Equatable {
    /// How many days ahead.
    public static let horizon = 7
    /// The days of which the model is made, and the least of them that have a score.
    public static let window = 42
    public static let least = 14

    /// 0...100.
    public var expected: Double
    /// The interval of 80 %.
    public var lower: Double
    public var upper: Double

    /// - Parameter days: the scores, the latest last; nil: a day without one. Those before the last
    ///   `window` are not used.
    /// - Returns: nil if fewer than `least` days have a score, or the last seven have none.
    public init?(_ days: [Double?]) {
        let days = days.suffix(Self.window).map { $0.flatMap { $0.isFinite ? $0 : nil } }
        let known = days.compactMap(\.self)
        guard known.count >= Self.least, days.suffix(7).contains(where: { $0 != nil }),
            let best = Self.fits(Array(days.drop { $0 == nil }), count: known.count).min(by: {
                $0.criterion < $1.criterion
            })
        else { return nil }
        let forecast = best.forecast(days: Self.horizon)
        // Parameters that are estimated from few days make the errors of these days look small.
        let width =
            Self.quantile(freedom: known.count - best.parameters) * forecast.deviation
            * (1 + 4 / Double(known.count))
        func bounded(_ value: Double) -> Double { min(max(value, 0), 100) }
        expected = bounded(forecast.mean)
        lower = bounded(forecast.mean - width)
        upper = bounded(forecast.mean + width)
    }

    private static let levelGains = [0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9, 1]
    private static let trendGains = [0.001, 0.1, 0.3]
    private static let damping = 0.95

    private static func fits(_ days: [Double?], count: Int) -> [Fit] {
        levelGains.flatMap { gain in
            [Fit(days, count, level: gain, trend: nil)]
                + trendGains.map { Fit(days, count, level: gain, trend: $0) }
        }
    }

    /// The model with certain parameters after the last day.
    private struct Fit {
        var level: Double
        var slope = 0.0
        var gain: Double
        /// Nil: there is no trend.
        var trendGain: Double?
        /// Of the errors of one day.
        var variance: Double
        var criterion: Double
        /// The number of estimated parameters.
        var parameters: Int

        init(_ days: [Double?], _ count: Int, level gain: Double, trend: Double?) {
            let half = days.count / 2
            let known = days.compactMap(\.self)
            let start = known.prefix(min(7, known.count / 2))
            level = start.reduce(0, +) / Double(max(start.count, 1))
            if trend != nil {
                let parts = [days.prefix(half), days.suffix(half)].map {
                    let part = $0.compactMap(\.self)
                    return part.reduce(0, +) / Double(max(part.count, 1))
                }
                slope = (parts[1] - parts[0]) / Double(max(days.count - half, 1))
                level -= slope * Double(start.count + 1) / 2
            }
            self.gain = gain
            trendGain = trend
            parameters = trend == nil ? 2 : 4
            var squares = 0.0
            let damping = trend == nil ? 0 : RiskForecast.damping
            for day in days {
                level += damping * slope
                slope *= damping
                // A day without a score changes nothing.
                guard let day else { continue }
                let error = day - level
                squares += error * error
                level += gain * error
                slope += gain * (trend ?? 0) * error
            }
            // Half a point at least: no forecast is exact.
            variance = max(squares / Double(max(count - parameters, 1)), 0.25)
            let (n, k) = (Double(count), Double(parameters))
            criterion = n * log(max(squares / n, 0.25)) + 2 * k * n / (n - k - 1)
        }

        func forecast(days: Int) -> (mean: Double, deviation: Double) {
            var (factor, sum, spread) = (1.0, 0.0, 1.0)
            for day in 1...days {
                factor *= RiskForecast.damping
                sum += factor
                guard day < days else { break }
                let weight = gain * (1 + (trendGain ?? 0) * sum)
                spread += weight * weight
            }
            return (level + (trendGain == nil ? 0 : slope * sum), sqrt(variance * spread))
        }
    }

    /// The 90th percentile of Student's distribution.
    private static func quantile(freedom: Int) -> Double {
        // The expansion of Cornish and Fisher, to within 0.002 from 8 degrees on.
        let (z, n) = (1.281_55, Double(max(freedom, 1)))
        let cube = z * z * z
        return z + (cube + z) / (4 * n)
            + (5 * cube * z * z + 16 * cube + 3 * z) / (96 * n * n)
    }
}
