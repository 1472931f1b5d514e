// How often the score in seven days is in the interval of 80 %, for generated histories:
//     swift run -c release --package-path Benchmarks/risk risk-bench [HISTORIES]

import Risk

/// SplitMix64: the same histories in each run.
struct Numbers: RandomNumberGenerator {
    var state: UInt64
    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var value = state
        value = (value ^ value >> 30) &* 0xBF58_476D_1CE4_E5B9
        value = (value ^ value >> 27) &* 0x94D0_49BB_1331_11EB
        return value ^ value >> 31
    }
}

let repetitions = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 2000

func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

print("| history | days | in the interval | width in points | mean error |")
print("|---|--:|--:|--:|--:|")
for kind in GeneratedHistory.allCases {
    for days in [14, 28, 42] {
        var numbers = Numbers(state: 1)
        var (hits, width, error) = (0, 0.0, 0.0)
        for _ in 0..<repetitions {
            let scores = kind.scores(days + RiskForecast.horizon, &numbers)
            guard let forecast = RiskForecast(Array(scores.prefix(days))), let last = scores.last
            else { fatalError("no forecast of \(days) days") }
            if (forecast.lower...forecast.upper).contains(last) { hits += 1 }
            width += forecast.upper - forecast.lower
            error += abs(forecast.expected - last)
        }
        let count = Double(repetitions)
        print(
            "| \(kind) | \(days) | \(rounded(Double(hits) * 100 / count)) % "
                + "| \(rounded(width / count)) | \(rounded(error / count)) |")
    }
}
