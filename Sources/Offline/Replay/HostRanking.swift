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
    /// The directory for captures that may be read twice; nil: one is created for the run.
    public var spool: InputSpool?
    /// Threads that read, count and rank, from 1 to 3; the results are the same.
    public var threads = CaptureThreads.usual
    /// The windows that are kept until all were seen; nil: as many as `limits` allow.
    var windowLimit: Int?

    public init(paths: [String]) { self.paths = paths }

    /// The result of a ranking.
    public struct Outcome: Sendable {
        /// The addresses, most anomalous first.
        public var entries: [OutlierRanking.Entry] = []
        /// Lines for standard error.
        public var warnings: [String] = []
        /// Whether a capture was damaged, so packets after the damage are missing.
        public var isDamaged = false
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

    /// Reads the captures, and ranks their windows. If these need more memory than a ranking may
    /// keep, the captures are read again.
    ///
    /// - Parameter record: receives the data for a report.
    public func run(
        progress: ProgressReport? = nil, record: ReplayReportData? = nil
    ) throws -> Outcome {
        let spool = try self.spool ?? InputSpool(paths)
        var ranking = OutlierRanking(
            inventory: inventory, seed: seed, entryLimit: limits.rankedLimit)
        ranking.threadCount = CaptureThreads.fitting(threads)
        var outcome = Outcome()
        var kept = KeptWindows(
            limit: windowLimit ?? limits.windowBytes / MemoryLayout<Window>.stride)
        progress?.begin("what the hosts do")
        let summary = try read(spool.paths, progress, hasOpenings: true) { step, windows in
            switch step {
            case .names(let change): record?.apply(change)
            case .window:
                ranking.collect(windows.window)
                kept.append(windows.window)
            case .opening(let opening):
                record?.add(opening)
                outcome.contacts.add(opening)
            case .ports, .target, .sighting, .early, .ordinary, .windowsEnded: break
            }
        }
        let report = summary.report
        outcome.isDamaged = report.warnings.contains(where: \.isDamage)
        outcome.warnings = report.warnings.map { spool.named($0.description) } + report.remarks
        outcome.packetCount = report.packetCount
        (outcome.first, outcome.last) = (report.first, report.last)
        if summary.droppedHosts > 0 {
            outcome.warnings.append(
                "\(summary.droppedHosts) flows of hosts beyond the table's limit were ignored")
        }
        if ranking.fit() {
            try forEachPart(kept, spool.paths, progress) { windows in
                let scores = ranking.rank(windows)
                guard let record else { return }
                for (window, score) in zip(windows, scores) {
                    record.add(window, score: score, isAnomalous: false)
                }
            }
            if !answers.isEmpty {
                outcome.answerCount = ranking.answer { entry in answer(entry) }
                if outcome.answerCount == 0 {
                    outcome.warnings.append(
                        "no answer is about a host of the captures and the time that is shown of it"
                    )
                }
            }
            outcome.entries = ranking.entries
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

    /// Calls `body` with all windows in order, a part at a time: with those that were kept, or, if
    /// these are not all, with those of captures that are read again.
    private func forEachPart(
        _ kept: KeptWindows, _ paths: [String], _ progress: ProgressReport?,
        _ body: ([Window]) -> Void
    ) throws(CaptureError) {
        guard !kept.isComplete else {
            for part in kept.parts {
                if Interruption.isRequested { throw .interrupted }
                body(part)
            }
            return
        }
        progress?.begin("which of them are odd")
        var part: [Window] = []
        _ = try read(paths, progress, hasOpenings: false) { step, windows in
            guard case .window = step else { return }
            part.append(windows.window)
            guard part.count == KeptWindows.partSize else { return }
            body(part)
            part.removeAll(keepingCapacity: true)
        }
        body(part)
    }

    /// Reads the captures; calls `body` with each step and the reader that has its window. The
    /// tables of hosts and flows are gone when it returns.
    private func read(
        _ paths: [String], _ progress: ProgressReport?, hasOpenings: Bool,
        _ body: (WindowReader.Step, borrowing WindowReader) -> Void
    ) throws(CaptureError) -> WindowSource.Summary {
        let tracker = WindowTracker(
            inventory: inventory, graph: nil, mode: .withoutBaseline, hostLimit: limits.hostLimit)
        let input = PacketSource.Input(
            paths: paths, filter: filter, trustsNotes: trustsNotes, limits: limits,
            progress: progress)
        var windows = try WindowReader(
            WindowSource.Input(packets: input, tracker: tracker, hasOpenings: hasOpenings),
            threads: threads)
        while let step = try windows.next() { body(step, windows) }
        return windows.summary ?? WindowSource.Summary()
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
