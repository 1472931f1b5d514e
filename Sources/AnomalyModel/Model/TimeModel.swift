package import FeatureExtraction

/// The amounts that a workload reaches at each time of the day or of the week.
public struct TimeProfile: Sendable, Equatable {
    /// The features that are compared with the time, in the order of the columns here. The last is
    /// the demand, which explains the others.
    static let features: [Feature] = [
        .flows, .peers, .packetsOut, .bytesOut, .bytesIn, .bytesOutside, .served,
    ]

    /// The largest usual amount in a window of 600 s, after the transform: by slot, then by column.
    /// That of a slot includes the slots beside it, so that a job may begin an hour early or late.
    var limits: [Float]
    /// How far beyond its limit each column went in the training, on the days that are judged by
    /// the others.
    var margins: [Float]

    static var width: Int { features.count }
}

/// At which time of the day or week each workload does what, if the training was long enough.
///
/// A backup at three is usual at three and not at noon, although the amount is usual. The limits
/// are exceeded by a clean day with a probability of about 1 in the number of days plus one, and
/// by the feature's resolution besides: days are taken to be exchangeable.
public struct TimeModel: Sendable, Equatable {
    /// How often each time has to be in the training.
    public static let leastCycles = 3
    /// From this many on, one unusual day in the training changes nothing.
    static let robustCycles = 5

    /// The length of the pattern.
    public enum Period: Int, Sendable {
        case day = 24
        case week = 168

        /// The number of hours, each of which is a slot.
        public var slotCount: Int { rawValue }
    }

    public internal(set) var period: Period
    /// The number of days or weeks in which each slot was seen; by slot.
    public internal(set) var cycles: [Int]
    /// By the name of the workload.
    public internal(set) var profiles: [String: TimeProfile]

    /// An amount that is usual for the workload, and not at this time.
    package struct Excess: Sendable {
        package var feature: Feature
        /// The number of resolutions beyond the limit.
        package var steps: Float
        /// The limit, after the transform.
        package var limit: Float
    }

    /// The slot of a second since 1970. The first of January 1970 was a Thursday.
    func slot(of second: Int) -> Int { Self.hour(of: second) % period.slotCount }

    static func hour(of second: Int) -> Int { max(second, 0) / 3600 }

    /// The number of days or weeks that the limits of this time rest on.
    package func cycleCount(at second: Int) -> Int { cycles[slot(of: second)] }

    /// What exceeds the time's limits in a window of 600 s, the most first.
    ///
    /// - Parameters:
    ///   - values: the window's transformed values, by feature.
    ///   - allowed: values up to these are usual at any time.
    package func excess(
        of workload: String, _ values: [Float], second: Int, allowed: [Float]? = nil
    ) -> [Excess] {
        let slot = slot(of: second)
        guard cycles[slot] >= Self.leastCycles, let profile = profiles[workload] else { return [] }
        let base = slot * TimeProfile.width
        func limit(_ column: Int) -> Float {
            profile.limits[base + column] + profile.margins[column]
        }
        let demandColumn = TimeProfile.width - 1
        let demand = max(0, values[Feature.served.rawValue] - limit(demandColumn))
        var found: [Excess] = []
        for (column, feature) in TimeProfile.features.dropLast().enumerated() {
            let value = values[feature.rawValue]
            guard value > allowed?[feature.rawValue] ?? -.infinity else { continue }
            let steps = (value - limit(column) - demand) / feature.resolution
            guard steps >= 1 else { continue }
            found.append(Excess(feature: feature, steps: steps, limit: limit(column)))
        }
        return found.sorted { $0.steps > $1.steps }
    }

    /// The hours of UTC that the limit at `second` rests on, such as "02:00 to 05:00 UTC".
    package func hours(at second: Int) -> String {
        let hour = Self.hour(of: second) % 24
        func clock(_ hour: Int) -> String { (hour < 10 ? "0" : "") + "\(hour):00" }
        let day =
            period == .day ? "" : "\(Self.days[Self.hour(of: second) / 24 % 7]) "
        return "\(day)\(clock((hour + 23) % 24)) to \(clock((hour + 2) % 24)) UTC"
    }

    private static let days = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"]
}

extension Feature {
    fileprivate var resolution: Float { FeatureSchema.measures[rawValue].resolution }
}

extension ByteWriter {
    mutating func put(_ times: TimeModel?) {
        guard let times else { return put(UInt32(0)) }
        put(UInt32(times.period.slotCount))
        for count in times.cycles { put(UInt32(count)) }
        put(UInt32(times.profiles.count))
        for (name, profile) in times.profiles.sorted(by: { $0.key < $1.key }) {
            put(name)
            for value in profile.limits + profile.margins { put(value.bitPattern) }
        }
    }
}

extension ByteReader {
    /// Reads the times, with the values that a training can produce.
    mutating func timeModel() throws(ModelError) -> TimeModel? {
        let slots = Int(try uint32())
        guard slots > 0 else { return nil }
        guard let period = TimeModel.Period(rawValue: slots) else {
            throw .damaged("the times of the day")
        }
        var cycles: [Int] = []
        for _ in 0..<slots { cycles.append(Int(try uint32())) }
        var profiles: [String: TimeProfile] = [:]
        let size = 4 + (slots + 1) * TimeProfile.width * 4
        for _ in 0..<(try count(ofSize: size, limit: Self.most, "the list of times")) {
            let name = try text()
            var values: [Float] = []
            for _ in 0..<((slots + 1) * TimeProfile.width) {
                values.append(try float(in: 0...Self.largestLogarithm, "an amount at a time"))
            }
            let end = slots * TimeProfile.width
            profiles[name] = TimeProfile(
                limits: Array(values[..<end]), margins: Array(values[end...]))
        }
        return TimeModel(period: period, cycles: cycles, profiles: profiles)
    }
}
