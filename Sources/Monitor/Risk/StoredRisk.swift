package import AnomalyModel
package import EventStore
internal import FlowHistory
internal import ImageReports
internal import Posture
internal import Risk
internal import SystemSupport
internal import TextFormats
package import Timestamps
package import Workloads

/// The risk of workloads without a running monitor: by the state directory of one that has ended,
/// its model and configuration, and what engines, cluster and reports say now.
package struct StoredRisk: Sendable {
    private let options: Monitor.Options
    private let context: RiskAssessment.Context
    private let modelID: String?
    private let remarks: [String]

    /// Asks engines and cluster what runs now, and reads the reports of scanners.
    ///
    /// - Parameters:
    ///   - options: of the monitor.
    ///   - model: the monitor's; nil: there is none.
    ///   - inventory: the operator's.
    /// - Throws: for a kubeconfig that cannot be used.
    package init(
        _ options: Monitor.Options, model: Model?, inventory: Inventory?
    ) async throws(KubernetesAccessError) {
        self.options = options
        modelID = model?.identifier
        var context = RiskAssessment.Context()
        var remarks: [String] = []
        let live = try LiveWorkloads(
            options: options.workloads, given: inventory,
            remembered: model?.provenance.inventory ?? .empty)
        for failure in await live.listOnce() {
            remarks.append("names of workloads: \(failure.source): \(failure.reason)")
        }
        context.inventory = live.inventory
        if let model {
            context.contacts = MonitorHub.Contact.all(in: model)
        } else {
            remarks.append(
                "no model of the monitor was found: contacts of clean traffic do not count; name "
                    + "it with -m")
        }
        var posture = PostureReport()
        let (answered, failures) = await posture.readSources(options.workloads)
        if answered > 0 { context.settings = PostureWatch.Findings(posture) }
        remarks += failures.map { "settings of containers: \($0)" }
        if !options.imageReports.paths.isEmpty {
            let running = await live.runningImages()
            remarks += running.failures.map { "images: \($0.source): \($0.reason)" }
            var files = ImageReportFiles()
            if let outcome = files.read(options.imageReports, now: Clock.now()) {
                remarks += (outcome.failures + outcome.incomplete).map(\.text)
                let images = Dictionary(grouping: running.images, by: \.source)
                    .sorted { $0.key < $1.key }.flatMap(\.value)
                context.images = outcome.catalog.summaries(of: images)
            }
        }
        context.watchesProcesses = !options.runtimeEvents.isEmpty
        self.context = context
        self.remarks = remarks
    }

    /// Rates the workloads; nothing is written.
    package func report(
        from store: EventStore, now: Timestamp
    ) throws(EventStoreError) -> RiskReport {
        var remarks = [try about(store)] + remarks
        if let used = try store.models().first(where: \.isActive)?.id, let modelID, used != modelID
        {
            remarks.append(
                "the monitor used another model last, \(used): contacts of clean traffic are those "
                    + "of \(modelID); name the other with -m")
        }
        let directory = options.stateDirectory
        if !Files.exists(directory + "/flows.db") {
            remarks.append(
                "\(directory) has no flow history: contacts of today and yesterday do not count")
        }
        var assessment = RiskAssessment()
        let factors = try assessment.factors(
            context, store, HistoryReader(directory: directory), now: now, remarks: &remarks)
        return RiskReport(
            time: now,
            entries: try RiskAssessment.entries(factors, store, recording: false, now: now),
            remarks: remarks, labelsWorkloads: false)
    }

    /// What only a running monitor knows.
    private func about(_ store: EventStore) throws(EventStoreError) -> String {
        let last = try store.events(limit: 1).first.map { "until \(UTC.moment($0.time))" }
        return "no monitor was asked: this is by the records in \(options.stateDirectory) "
            + "(\(last ?? "none yet")), and by the containers, settings and reports of now; what "
            + "happened since, and who had an address only then, is not known"
    }
}
