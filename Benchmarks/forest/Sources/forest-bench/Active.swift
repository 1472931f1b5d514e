import IsolationForest

extension Bench {
    /// Shows one row of TEST after the other, the first of those not shown in the order of score
    /// and lean, and answers the first ones by their labels. Prints how many of the shown are
    /// anomalies.
    static func active(_ words: [String]) throws {
        let columns = Int(words[3])!
        let rows = try readFloats(words[1])
        let labels = try readFloats(words[2])
        let (answerCount, shownCount) = (Int(words[5])!, Int(words[6])!)
        let (weight, step) = (Float(words[7])!, Float(words[8])!)
        let forest = try IsolationForest(
            rows: readFloats(words[0]), columnCount: columns,
            options: .init(seed: UInt64(words[4])!))
        func row(_ number: Int) -> [Float] {
            Array(rows[number * columns..<(number + 1) * columns])
        }
        let plain = forest.scores(rows: rows)
        let order = plain.indices.sorted { (plain[$1], $0) < (plain[$0], $1) }
        var answers: [ForestLeans.Answer] = []
        var shown: Set<Int> = []
        var found = 0
        while answers.count < min(answerCount, shownCount, labels.count) {
            let leans = ForestLeans(answers, of: forest, step: step)
            var best: (number: Int, place: Float)?
            for number in order where !shown.contains(number) {
                // No lean lets the rest pass it.
                if let best, plain[number] + weight < best.place { break }
                let place = plain[number] + weight * leans.lean(of: row(number), in: forest)
                if best.map({ place > $0.place }) ?? true { best = (number, place) }
            }
            guard let number = best?.number else { break }
            shown.insert(number)
            let isAnomaly = labels[number] > 0.5
            found += isAnomaly ? 1 : 0
            answers.append(.init(row: row(number), isAnomaly: isAnomaly))
        }
        let leans = ForestLeans(answers, of: forest, step: step)
        let rest = order.filter { !shown.contains($0) }
            .map {
                (number: $0, place: plain[$0] + weight * leans.lean(of: row($0), in: forest))
            }
            .sorted { ($1.place, $0.number) < ($0.place, $1.number) }
        for (number, _) in rest.prefix(max(0, shownCount - shown.count)) {
            found += labels[number] > 0.5 ? 1 : 0
        }
        print(found)
    }
}
