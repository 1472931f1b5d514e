import FeatureExtraction
import IsolationForest

extension ByteWriter {
    mutating func put(_ minutes: MinuteModel?) {
        guard let minutes else { return put(UInt32(0)) }
        let groups = minutes.groups.sorted { $0.key < $1.key }
        put(UInt32(groups.count))
        for (name, group) in groups {
            put(name)
            put(UInt64(group.minuteCount))
            for value in group.median + group.upper { put(value.bitPattern) }
            put(UInt64(group.scoreCount))
            put(group.independence.bitPattern)
            put(UInt32(group.scores.count))
            for score in group.scores { put(score.bitPattern) }
        }
        put(minutes.minutesPerDay.bitPattern)
        put(minutes.forest)
    }
}

extension ByteReader {
    /// Reads the minutes, with the values that a training can produce.
    mutating func minuteModel() throws(ModelError) -> MinuteModel? {
        let size = 32 + Feature.count * 8
        let count = try count(ofSize: size, limit: Self.most, "the list of minutes")
        guard count > 0 else { return nil }
        var groups: [String: MinuteGroup] = [:]
        for _ in 0..<count {
            let name = try text()
            groups[name] = try minuteGroup()
        }
        guard groups[ScaleBaseline.node] != nil else {
            throw .damaged("the minutes of the node are missing")
        }
        return MinuteModel(
            groups: groups, minutesPerDay: try double(in: 0...1e18, "the minutes of a day"),
            forest: try forest())
    }

    private mutating func minuteGroup() throws(ModelError) -> MinuteGroup {
        let minuteCount = Int(try integer(in: Self.counts, "the minutes of a baseline"))
        let rows = try risingRows(2)
        let scoreCount = Int(try integer(in: Self.counts, "the scores of a baseline"))
        let independence = try double(in: 0.1...1, "the independence of minutes")
        var scores: [Float] = []
        let kept = try count(ofSize: 4, limit: MinuteGroup.keptLimit, "the list of minutes' scores")
        for _ in 0..<kept {
            scores.append(try float(in: (scores.last ?? 0)...1, "the score of a minute"))
        }
        guard scoreCount >= scores.count else {
            throw .damaged("a baseline has more scores than minutes")
        }
        return MinuteGroup(
            minuteCount: minuteCount, median: rows[0], upper: rows[1], scores: scores,
            scoreCount: scoreCount, independence: independence)
    }
}
