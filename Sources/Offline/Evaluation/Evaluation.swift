import AnomalyDetection
import AnomalyModel
import AttackPatterns
import FeatureExtraction
public import NetworkAddresses
import Quarantine
public import SystemSupport
import Workloads
import Timestamps

/// The results of comparing a replay with labels.
public struct Evaluation: Sendable {
    /// A labelled attack and its detection.
    public struct Attack: Sendable {
        public var label: Label
        /// Whether one of its sources was detected during the attack or shortly after.
        public var isDetected = false
        /// Seconds from the start of the attack to the first verdict, and to the first fence.
        public var secondsToDetection: Double?
        public var secondsToQuarantine: Double?
        /// The detected attackers, of those labelled.
        public var offenders: [IPAddress] = []
        public var pattern: String?
        public var reason: String?
    }

    public var attacks: [Attack] = []
    public var incidentCount = 0
    /// Incidents whose offender was not attacking at that time.
    public var falseIncidents: [String] = []
    public var hours = 0.0
    /// Targets of attacks that were taken for offenders, and those that would have been fenced.
    public var victimsFlagged: [IPAddress] = []
    public var victimsQuarantined: [IPAddress] = []
    /// Workloads that attacked no one and were taken for offenders, and those that would have been
    /// fenced.
    public var cleanFlagged: [String] = []
    public var cleanQuarantined: [String] = []
    /// The area under the ROC curve for windows of 10 s, by the forest's score alone.
    public var windowAUC: Double?
    public var windowCount = 0

    /// Seconds after the end of an attack in which its windows still count as detections.
    static let grace = 60.0
    /// Seconds after an attack in which a long window may still contain it, and so is no false
    /// alarm.
    static let afterglow = 600.0

    public var detectedCount: Int { attacks.count { $0.isDetected } }
    public var recall: Double? {
        attacks.isEmpty ? nil : Double(detectedCount) / Double(attacks.count)
    }
    public var precision: Double? {
        incidentCount == 0
            ? nil : Double(incidentCount - falseIncidents.count) / Double(incidentCount)
    }
    public var falseIncidentsPerHour: Double {
        hours > 0 ? Double(falseIncidents.count) / hours : 0
    }
}

/// Collects the verdicts of a replay and compares them with labels.
public struct Evaluator {
    private let labels: [Label]
    private var detector: Detector
    private var verdicts: [Verdict] = []
    private var positives: [Float] = []
    private var negatives: [Float] = []
    private var seen: Set<IPAddress> = []
    private let replay: Replay

    public init(replay: Replay, labels: [Label]) {
        self.replay = replay
        self.labels = labels.filter { !$0.isBenign }.sorted { $0.start < $1.start }
        detector = Detector(
            model: replay.model,
            inventory: replay.inventory ?? replay.model.provenance.inventory)
    }

    /// Runs the replay and evaluates it.
    public mutating func run(progress: ProgressReport? = nil) throws -> (Evaluation, Replay.Outcome)
    {
        var copy = self
        let outcome = try replay.run(progress: progress) { window, verdict in
            copy.add(window, verdict)
        }
        self = copy
        return (judge(outcome), outcome)
    }

    private mutating func add(_ window: Window, _ verdict: Verdict?) {
        if let verdict { verdicts.append(verdict) }
        seen.insert(window.subject)
        guard window.scale == .short, window.earlyTime == nil,
            let score = detector.score(window)
        else { return }
        let start = Double(window.startSecond)
        let end = Double(window.endSecond + 1)
        let isAttack = labels.contains {
            $0.isSource(window.subject) && $0.start < end && $0.end > start
        }
        if isAttack { positives.append(score) } else { negatives.append(score) }
    }

    private func judge(_ outcome: Replay.Outcome) -> Evaluation {
        var evaluation = Evaluation()
        let fences = outcome.decisions.filter(\.isFence)
        // An attack during a fence extends the fence.
        let covers = outcome.decisions.filter {
            ($0.kind == .add || $0.kind == .extend) && $0.rule.action.isAgainstTarget
        }
        evaluation.attacks = labels.map { attack($0, covers) }
        evaluation.incidentCount = outcome.incidents.count
        let seconds = (outcome.last - outcome.first).inSeconds
        evaluation.hours = seconds / 3600
        evaluation.windowCount = outcome.windowCount
        evaluation.windowAUC = Self.rankAUC(positives, negatives)
        for incident in outcome.incidents {
            if let target = incident.target, incident.isAgainstTarget,
                labels.contains(where: {
                    $0.isTarget(target)
                        && overlaps(
                            $0, Double(incident.firstSecond), Double(incident.lastSecond + 1))
                })
            {
                continue
            }
            guard
                !isBlamed(
                    incident.offender, Double(incident.firstSecond), Double(incident.lastSecond + 1)
                )
            else { continue }
            evaluation.falseIncidents.append("\(incident.offender) \(incident.strongest.summary)")
            let isVictim = labels.contains {
                $0.isTarget(incident.offender)
                    && overlaps($0, Double(incident.firstSecond), Double(incident.lastSecond + 1))
            }
            if isVictim { evaluation.victimsFlagged.append(incident.offender) }
            if outcome.inventory.workload(of: incident.offender) != nil {
                evaluation.cleanFlagged.append(incident.workload)
            }
        }
        for fence in fences { blame(fence, outcome.inventory, &evaluation) }
        evaluation.victimsFlagged = Array(Set(evaluation.victimsFlagged)).sorted()
        evaluation.victimsQuarantined = Array(Set(evaluation.victimsQuarantined)).sorted()
        evaluation.cleanFlagged = Array(Set(evaluation.cleanFlagged)).sorted()
        evaluation.cleanQuarantined = Array(Set(evaluation.cleanQuarantined)).sorted()
        return evaluation
    }

    /// Collects what a fence would have hit without cause: known workloads and labelled targets.
    private func blame(
        _ fence: QuarantineDecision, _ inventory: Inventory, _ evaluation: inout Evaluation
    ) {
        guard let prefix = fence.target.prefix else { return }
        let time = fence.time.secondsSince1970
        for workload in inventory.workloads {
            for address in workload.addresses
            where address.isHost && prefix.contains(address.address) {
                // Addresses without packets in the capture were not affected.
                guard seen.contains(address.address), !isBlamed(address.address, time - 10, time)
                else { continue }
                evaluation.cleanQuarantined.append(workload.name)
            }
        }
        for label in labels where overlaps(label, time - 10, time) {
            for target in label.targets
            where target.isHost && prefix.contains(target.address)
                && !isBlamed(target.address, time - 10, time)
            {
                evaluation.victimsQuarantined.append(target.address)
            }
        }
    }

    private func attack(_ label: Label, _ fences: [QuarantineDecision]) -> Evaluation.Attack {
        var attack = Evaluation.Attack(label: label)
        let own = verdicts.filter {
            label.isSource($0.subject) && Double($0.window.endSecond + 1) > label.start
                && Double($0.window.endSecond) <= label.end + Evaluation.grace
        }
        guard let first = own.min(by: { $0.window.end < $1.window.end }) else {
            return attack
        }
        attack.isDetected = true
        attack.secondsToDetection = first.window.end.secondsSince1970 - label.start
        attack.offenders = Array(Set(own.map(\.subject))).sorted()
        let strongest = own.max {
            ($0.level.rawValue, $0.excess) < ($1.level.rawValue, $1.excess)
        }
        attack.pattern = strongest?.pattern?.rawValue
        attack.reason = strongest?.reasons.first?.text
        let links = Set(own.map(\.window.mac))
        let fence = fences.first { fence in
            let time = fence.time.secondsSince1970
            guard time > label.start, time <= label.end + Evaluation.grace else { return false }
            if let prefix = fence.target.prefix {
                return label.sources.contains { prefix.contains($0) }
            }
            return links.contains { fence.target == .link($0) }
        }
        attack.secondsToQuarantine = fence.map { $0.time.secondsSince1970 - label.start }
        return attack
    }

    private func overlaps(_ label: Label, _ start: Double, _ end: Double) -> Bool {
        label.start - 1 < end && label.end + Evaluation.afterglow > start
    }

    private func isBlamed(_ address: IPAddress, _ start: Double, _ end: Double) -> Bool {
        labels.contains { $0.isSource(address) && overlaps($0, start, end) }
    }

    /// The area under the ROC curve from ranks (Mann-Whitney), ties counting half.
    static func rankAUC(_ positives: [Float], _ negatives: [Float]) -> Double? {
        guard !positives.isEmpty, !negatives.isEmpty else { return nil }
        let all = (positives.map { ($0, true) } + negatives.map { ($0, false) }).sorted {
            $0.0 < $1.0
        }
        var sum = 0.0
        var index = 0
        while index < all.count {
            var end = index
            while end < all.count && all[end].0 == all[index].0 { end += 1 }
            let rank = Double(index + end + 1) / 2
            sum += rank * Double(all[index..<end].count { $0.1 })
            index = end
        }
        let count = Double(positives.count)
        return (sum - count * (count + 1) / 2) / (count * Double(negatives.count))
    }
}
