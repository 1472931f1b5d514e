internal import EventStore
internal import FlowHistory
internal import ImageReports
internal import Risk
internal import Timestamps
internal import Workloads

/// Rates workloads by what is known of them: the same for a running monitor and for the records of
/// one that has ended.
struct RiskAssessment {
    /// What neither the store nor the flow history has.
    struct Context: Sendable {
        var inventory = Inventory.empty
        /// The contacts of the model.
        var contacts: [MonitorHub.Contact] = []
        var settings = PostureWatch.Findings()
        /// By workload.
        var images: [String: ImageSummary] = [:]
        /// Whether a tool that watches processes is configured.
        var watchesProcesses = false
    }

    /// The most workloads that are rated.
    private static let workloadLimit = 4096

    private var evidence = RiskEvidence()
    private var flows = FlowContacts()

    /// Reads what has changed since the last call.
    ///
    /// - Parameters:
    ///   - history: nil: no flows are kept.
    ///   - remarks: gets a line if the flow history cannot be read.
    /// - Returns: what is known of each workload.
    mutating func factors(
        _ context: Context, _ store: EventStore, _ history: HistoryReader?, now: Timestamp,
        remarks: inout [String]
    ) throws(EventStoreError) -> [RiskFactors] {
        try evidence.update(from: store, now: now)
        if let history {
            do throws(HistoryError) {
                try flows.update(from: history, inventory: context.inventory, now: now)
            } catch .missing {} catch { remarks.append("flow history: \(error)") }
        }
        let exposures = flows.graph(context.contacts).exposures()
        let names = workloads(context.inventory)
        let runtime = try Self.runtimeEvents(of: names, context, store, now: now)
        return names.map { name in
            var factors = RiskFactors(workload: name)
            factors.incidents = evidence.incidents[name] ?? []
            factors.indicators = evidence.indicators(of: name, now: now)
            factors.newOutsidePeers = flows.newOutsidePeers(of: name, now: now)
            factors.posture = context.settings.settings[name]
            factors.exposure = exposures[name] ?? RiskFactors.Exposure()
            factors.exposure.publishedPorts = context.settings.publishedPorts[name]
            factors.vulnerability = RiskFactors.Vulnerability(context.images[name], now: now)
            factors.runtime = runtime[name]
            return factors
        }
    }

    /// What tools said of the workloads' processes in a day. Without a tool in the configuration,
    /// nothing is known of a workload of which nothing was said.
    private static func runtimeEvents(
        of names: [String], _ context: Context, _ store: EventStore, now: Timestamp
    ) throws(EventStoreError) -> [String: RiskFactors.Runtime] {
        var found: [String: RiskFactors.Runtime] = [:]
        for name in names {
            let summary = try store.runtimeEvents(of: name, since: now - .seconds(86_400))
            guard context.watchesProcesses || !summary.counts.isEmpty else { continue }
            found[name] = RiskFactors.Runtime(summary, now: now)
        }
        return found
    }

    /// Those with names first, then those with evidence against them, then other hosts, each by
    /// name.
    private func workloads(_ inventory: Inventory) -> [String] {
        var all: [String] = []
        var seen: Set<String> = []
        for group in [Set(inventory.workloads.map(\.name)), evidence.workloads, flows.names] {
            for name in group.sorted() where seen.insert(name).inserted { all.append(name) }
        }
        return Array(all.prefix(Self.workloadLimit))
    }

    /// Scores and adds the trend, the riskiest first.
    ///
    /// - Parameter recording: whether the store keeps the day.
    static func entries(
        _ factors: [RiskFactors], _ store: EventStore, recording: Bool, now: Timestamp
    ) throws(EventStoreError) -> [RiskReport.Entry] {
        let today = now.second / 86_400
        let scores = factors.map { RiskScore($0) }
        let latest = zip(factors, scores).map { factors, score in
            (
                workload: score.workload,
                day: RiskDay(day: today, secondOfDay: now.second - today * 86_400, factors, score)
            )
        }
        if recording { try store.record(risk: latest, now: now) }
        var days = try store.risk(since: today - RiskTrend.days, until: now)
        if !recording {
            for (workload, day) in latest {
                let known = days[workload]?.firstIndex { $0.day == today }
                if let known, let earlier = days[workload]?[known] {
                    days[workload]?[known] = earlier.merged(with: day)
                } else {
                    days[workload, default: []].append(day)
                }
            }
        }
        return scores.sorted(by: RiskScore.isBefore).map { score in
            RiskReport.Entry(
                score: score, trend: RiskTrend(days[score.workload] ?? [], today: today))
        }
    }
}
