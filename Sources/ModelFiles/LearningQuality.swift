import AnomalyDetection
public import AnomalyModel
import BaselineGraph
import FeatureExtraction
import Workloads
import Timestamps

/// How much clean traffic of each workload a model was trained on, and what cannot be judged by it.
public struct LearningQuality: Sendable, Equatable {
    /// Trainings shorter than this are refused by `monitor --learn`, in seconds.
    public static let leastSeconds = 10
    /// Trainings shorter than this are reported as short, in seconds.
    public static let advisedSeconds = 900

    /// The training of one workload.
    public struct Workload: Codable, Sendable, Equatable {
        /// The name, or the address.
        public var name: String
        /// The learned windows of 10 s.
        public var windows: Int
        /// The learned minutes, for evidence over minutes.
        public var minutes: Int
        /// The contacts, and how many of them the last fifth of the training saw first.
        public var contacts: Int
        public var arriving: Int
        /// What cannot be judged, or leads to no fence, for lack of data.
        public var gaps: [String]

        public init(
            name: String, windows: Int, minutes: Int, contacts: Int, arriving: Int,
            gaps: [String]
        ) {
            self.name = name
            self.windows = windows
            self.minutes = minutes
            self.contacts = contacts
            self.arriving = arriving
            self.gaps = gaps
        }
    }

    /// All workloads and unnamed addresses with windows or contacts, and all that the inventory of
    /// the training names, by name.
    public var workloads: [Workload]

    public init(_ model: Model) {
        let contacts = model.graph.contactCounts
        let seconds = (model.provenance.last - model.provenance.first).wholeSeconds
        let names = Set(ModelReport.workloads(model)).union(contacts.keys)
            .union(model.provenance.inventory.workloads.map(\.name))
        workloads = names.sorted().map { name in
            let minutes = model.minutes?.groups[name]?.minuteCount ?? 0
            return Workload(
                name: name, windows: model[.short].baseline.groups[name]?.windowCount ?? 0,
                minutes: minutes, contacts: contacts[name] ?? 0,
                arriving: model.arriving[name] ?? 0,
                gaps: Self.gaps(
                    model, name, seconds: seconds, minutes: minutes,
                    contacts: contacts[name] ?? 0))
        }
    }

    /// The workloads whose training is thin.
    public var thin: [Workload] { workloads.filter(\.isThin) }

    /// The number of workloads that are named on one line.
    private static let shownNames = 12

    /// A line for each reason why nothing was learned of workloads, with their names:
    /// `db, dns: opened no flow`.
    public static func leftOut(_ workloads: [Workload]) -> [String] {
        let all = workloads.filter(\.isLeftOut)
        return Set(all.flatMap(\.gaps)).sorted().map { reason in
            let names = all.filter { $0.gaps.contains(reason) }.map(\.name)
            let more = names.count - shownNames
            return names.prefix(shownNames).joined(separator: ", ")
                + (more > 0 ? " and \(more) more" : "") + ": \(reason)"
        }
    }

    /// The contacts of all workloads.
    var contactCount: Int { workloads.reduce(0) { $0 + $1.contacts } }

    /// One line on all workloads.
    public var summary: String {
        let arriving = workloads.reduce(0) { $0 + $1.arriving }
        let all = contactCount
        let leftOut = workloads.count(where: \.isLeftOut)
        return "\(workloads.count - leftOut - thin.count) of \(workloads.count) workloads well"
            + (leftOut > 0 ? ", \(leftOut) not learned" : "")
            + "; \(arriving) of \(all) contacts were new in the last fifth of the time"
    }

    private static func gaps(
        _ model: Model, _ name: String, seconds: Int, minutes: Int, contacts: Int
    ) -> [String] {
        func count(_ scale: Scale) -> Int {
            model[scale].baseline.groups[name]?.windowCount ?? 0
        }
        guard count(.short) > 0 else {
            return [
                (contacts > 0 ? "opened flows, but no clean window was kept" : "opened no flow")
                    + "; judged by the baseline of its image, network or node"
            ]
        }
        var gaps: [String] = []
        if let long = Scale.allCases.first(where: { $0.seconds > seconds }) {
            gaps.append("no windows of \(long.seconds) s")
        }
        if count(.short) < ScaleBaseline.leastWindows[.short] ?? 0 {
            gaps.append("no baseline of its own")
        }
        let unfenced = Scale.allCases.filter {
            $0.seconds <= seconds && count($0) < ScaleBaseline.leastToFence[$0] ?? 0
        }
        if !unfenced.isEmpty {
            let lengths = unfenced.map { "\($0.seconds)" }.joined(separator: ", ")
            gaps.append("no fence for rates in windows of \(lengths) s")
        }
        if minutes < MinuteModel.leastMinutes { gaps.append("no evidence over minutes") }
        return gaps
    }
}

extension LearningQuality.Workload: CustomStringConvertible {
    /// Whether no window was learned of it.
    public var isLeftOut: Bool { windows == 0 }
    /// Whether less was learned of it than is needed.
    public var isThin: Bool { !isLeftOut && !gaps.isEmpty }

    /// The workload on one line: "cron: 96 windows, 9 min, 4 contacts (1 new): no baseline …".
    public var description: String {
        let new = arriving > 0 ? " (\(arriving) new)" : ""
        return "\(name): \(windows) windows of 10 s, \(minutes) min, \(contacts) contacts\(new)"
            + (gaps.isEmpty ? "" : "; " + gaps.joined(separator: ", "))
    }
}
