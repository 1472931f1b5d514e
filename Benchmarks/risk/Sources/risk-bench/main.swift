// How often the score in seven days is in the interval of 80 %, for generated histories:
//     swift run -c release --package-path Benchmarks/risk risk-bench [HISTORIES]

import Risk

let repetitions = CommandLine.arguments.dropFirst().first.flatMap { Int($0) } ?? 2000

func rounded(_ value: Double) -> Double { (value * 10).rounded() / 10 }

print("| history | days | in the interval | width in points | mean error |")
print("|---|--:|--:|--:|--:|")
for kind in GeneratedHistory.allCases {
    for days in [14, 28, 42] {
        // The same histories in each run.
        var numbers = SeededGenerator(seed: 1)
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
