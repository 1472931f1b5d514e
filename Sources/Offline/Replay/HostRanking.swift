public import AnomalyDetection
import FeatureExtraction
import FlowMetering
public import HTMLReport
import PacketCapture
import PacketDecoding
public import SystemSupport
public import Workloads
import NetworkAddresses
public import Timestamps

/// Ranks the addresses of captures against each other, without a model.
public struct HostRanking {
    public var paths: [String]
    public var filter = ""
    public var inventory = Inventory.empty
    public var seed: UInt64 = 1
    /// What operators say of hosts that were shown.
    public var answers: [Label] = []
    /// Whether workloads are named by notes in the captures.
    public var trustsNotes = false
    /// The memory limit, which the sizes of the tables follow.
    public var limits = ResourceLimits()
    /// The directory for captures that are read twice; nil: one is created for the run.
    public var spool: InputSpool?
    /// Threads that read, count and rank, from 1 to 3; the results are the same.
    public var threads = CaptureThreads.usual

    /// The windows that are ranked together.
    private static let windowsAtOnce = 512

    public init(paths: [String]) { self.paths = paths }

    /// The result of a ranking.
    public struct Outcome: Sendable {
        /// The addresses, most anomalous first.
        public var entries: [OutlierRanking.Entry] = []
        /// Lines for standard error.
        public var warnings: [String] = []
        /// The number of hosts that answers are about.
        public var answerCount = 0
        public var packetCount = 0
        /// Packet times.
        public var first = Timestamp.epoch
        public var last = Timestamp.epoch
        /// Whom each address opened flows to.
        public var contacts = ContactCounts()
        /// Data for a report, if requested.
        public var report: HTMLReport?
    }

    /// Reads the captures twice.
    ///
    /// - Parameter record: receives the data for a report.
    public func run(
        progress: ProgressReport? = nil, record: ReplayReportData? = nil
    ) throws -> Outcome {
        let spool = try self.spool ?? InputSpool(paths)
        var ranking = OutlierRanking(inventory: inventory, seed: seed)
        ranking.threadCount = CaptureThreads.fitting(threads)
        var droppedHosts = 0
        var contacts = ContactCounts()
        func pass(
            _ record: ReplayReportData?, countsContacts: Bool, _ body: (Window) -> Void
        ) throws(CaptureError) -> PacketSource.Report {
            let tracker = WindowTracker(
                inventory: inventory, graph: nil, mode: .withoutBaseline,
                hostLimit: limits.hostLimit)
            let input = PacketSource.Input(
                paths: spool.paths, filter: filter, trustsNotes: trustsNotes,
                limits: limits, progress: progress)
            var windows = try WindowReader(
                WindowSource.Input(packets: input, tracker: tracker, hasOpenings: countsContacts),
                threads: threads)
            while let step = try windows.next() {
                switch step {
                case .names(let change): record?.apply(change)
                case .window: body(windows.window)
                case .opening(var opening):
                    opening.isNew = false
                    record?.add(opening)
                    let hasPorts = [6, 17, 132].contains(opening.ipProtocol)
                    contacts.add(
                        opening.subject,
                        ContactCounts.Contact(
                            address: opening.peer, ipProtocol: opening.ipProtocol,
                            port: hasPorts ? opening.port : 0))
                case .ports, .target, .sighting, .early, .ordinary, .windowsEnded: break
                }
            }
            droppedHosts = windows.summary?.droppedHosts ?? 0
            return windows.summary?.report ?? PacketSource.Report()
        }
        progress?.begin("what the hosts do, 1 of 2")
        let report = try pass(nil, countsContacts: false) { ranking.collect($0) }
        var outcome = Outcome()
        outcome.warnings = report.warnings.map { spool.named($0.description) } + report.remarks
        outcome.packetCount = report.packetCount
        (outcome.first, outcome.last) = (report.first, report.last)
        if droppedHosts > 0 {
            outcome.warnings.append(
                "\(droppedHosts) flows of hosts beyond the table's limit were ignored")
        }
        if ranking.fit() {
            progress?.begin("which of them are odd, 2 of 2")
            var waiting: [Window] = []
            waiting.reserveCapacity(Self.windowsAtOnce)
            func rankWaiting() {
                ranking.rank(waiting)
                waiting.removeAll(keepingCapacity: true)
            }
            _ = try pass(record, countsContacts: true) { window in
                waiting.append(window)
                if waiting.count == Self.windowsAtOnce { rankWaiting() }
                record?.add(window, score: ranking.score(window), isAnomalous: false)
            }
            rankWaiting()
            if !answers.isEmpty {
                outcome.answerCount = ranking.answer { entry in answer(entry) }
                if outcome.answerCount == 0 {
                    outcome.warnings.append(
                        "no answer is about a host of the captures and the time that is shown of it"
                    )
                }
            }
            outcome.entries = ranking.entries
            outcome.contacts = contacts
            if ranking.isCut { outcome.warnings.append("the least anomalous hosts were left out") }
        }
        if var page = record?.report(report, warnings: outcome.warnings) {
            page.ranking = outcome.entries
            page.rankingVerdict = outcome.entries.isEmpty ? [] : RankingReport.verdict(outcome)
            for entry in outcome.entries.prefix(HTMLReport.rankedLimit) {
                page.rankingContacts[entry.subject] =
                    RankingReport.contactText(entry, outcome.contacts)
            }
            outcome.report = page
        }
        return outcome
    }

    /// Whether the window of an entry was judged malicious; nil: nothing was said of it, or both.
    private func answer(_ entry: OutlierRanking.Entry) -> Bool? {
        let window = entry.window
        let said = answers.filter {
            $0.isSource(entry.subject) && $0.start < Double(window.endSecond + 1)
                && $0.end > Double(window.startSecond)
        }
        guard let first = said.first, said.allSatisfy({ $0.isBenign == first.isBenign }) else {
            return nil
        }
        return !first.isBenign
    }
}
