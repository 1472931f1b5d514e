import AnomalyDetection
public import AnomalyModel
import BaselineGraph
import FeatureExtraction
import FlowMetering
import HTMLReport
import NetworkAddresses
import PacketCapture
import PacketDecoding
import SenderAttribution
public import Workloads
import Timestamps

/// The data that a report shows beside the incidents: scores over time, and contacts. The replay
/// fills it when a report is requested.
public final class ReplayReportData {
    private let model: Model?
    private var identities: IdentityMap
    /// The inventory before the capture changes it.
    private let inventory: Inventory
    private var timeline = ScoreTimeline()
    private var contacts = ContactGraph()
    private var names: [IPAddress: String] = [:]
    private var nodes: [IPAddress: Int] = [:]
    private var windowCount = 0
    /// Initiators without a name that may be forged, by all of their windows or by some.
    private var proven: Set<String> = []
    private var doubtful: Set<String> = []
    /// The most names and nodes that are cached.
    private static let cacheLimit = 65_536

    /// - Parameters:
    ///   - model: judges the windows; nil: nothing is known to be clean.
    ///   - given: names of workloads; nil: those stored in the model.
    public init(model: Model?, inventory given: Inventory?) {
        self.model = model
        let remembered = model?.provenance.inventory ?? .empty
        inventory = given ?? remembered
        identities = IdentityMap(
            inventory: given ?? .empty, remembered: given == nil ? remembered : .empty)
        for edge in model?.graph.namedEdges ?? [] {
            contacts.know(node(edge.subject), node(edge.peer), service: "\(edge.service)")
        }
    }

    /// Applies changes of address owners.
    func apply(_ change: WorkloadChange) {
        identities.apply(change)
        if change.networks != nil {
            names = [:]
            nodes = [:]
        }
        for address in change.holders.keys {
            names[address] = nil
            nodes[address] = nil
        }
    }

    /// Records a window with the evidence about its subject, on the scale of
    /// `RunningEvidence.share`.
    func add(_ window: Window, evidence: Float, isAnomalous: Bool) {
        add(window, score: evidence, isAnomalous: isAnomalous)
    }

    /// Records a verdict on senders that are not known.
    func add(_ verdict: Verdict) {
        let mayBeForged = verdict.window.evidence.mayBeForged
        let shown = model?.shownName(of: verdict.workload, mayBeForged: mayBeForged)
        timeline.add(
            1, isAnomalous: true, of: shown ?? verdict.workload, second: verdict.window.endSecond)
    }

    /// Records a window with its score.
    func add(_ window: Window, score: Float?, isAnomalous: Bool) {
        windowCount += 1
        guard let score else { return }
        let workload = window.identity?.name ?? name(window.subject)
        let mayBeForged = window.evidence.mayBeForged
        let shown = model?.shownName(of: workload, mayBeForged: mayBeForged) ?? workload
        timeline.add(score, isAnomalous: isAnomalous, of: shown, second: window.endSecond)
        guard contacts.node(named: workload) != nil else { return }
        if shown == workload { proven.insert(workload) } else { doubtful.insert(workload) }
    }

    /// Records the first packet of a flow.
    ///
    /// - Parameters:
    ///   - subject: the initiator of the flow.
    ///   - isNew: whether the baseline never used this peer and service.
    func add(_ opening: WindowReader.Opening) {
        contacts.add(
            node(opening.subject), node(opening.peer),
            service: "\(Service(ipProtocol: opening.ipProtocol, port: opening.port))",
            isNew: opening.isNew)
    }

    private func name(_ address: IPAddress) -> String {
        if let known = names[address] { return known }
        let name = identities.identity(of: address).name
        if names.count < Self.cacheLimit { names[address] = name }
        return name
    }

    private func node(_ address: IPAddress) -> Int {
        if let known = nodes[address] { return known }
        let identity = identities.identity(of: address)
        let node = contacts.node(
            identity.name, network: identity.network, isNamed: identity.isNamed)
        if nodes.count < Self.cacheLimit { nodes[address] = node }
        return node
    }

    /// The node of a name in the baseline.
    private func node(_ name: String) -> Int {
        if let address = IPAddress(name) { return node(address) }
        let gateway = inventory.networks.first { "gateway of \($0.name)" == name }
        let home = inventory.workloads.first { $0.name == name }?.addresses.first?.address
        let network = gateway?.name ?? home.map { identities.identity(of: $0).network }
        return contacts.node(name, network: network ?? name, isNamed: true)
    }

    /// The report, without the data that only the command line has.
    func report(_ loop: PacketSource.Report, warnings: [String]) -> HTMLReport {
        var report = HTMLReport()
        report.model = model
        report.timeline = timeline
        report.contacts = contacts.joining(
            doubtful.subtracting(proven), as: Model.forgedName)
        report.packetCount = loop.packetCount
        report.windowCount = windowCount
        report.first = loop.first
        report.last = loop.last
        report.warnings = warnings
        let malformed = loop.decoding.malformed
        report.malformed = malformed
        report.counters = [
            .init(
                title: "Reading",
                rows: [
                    ("packets", loop.capture.packets), ("filtered out", loop.capture.filtered),
                    ("of unsupported link types", loop.capture.skipped),
                    ("bytes of files", loop.capture.fileBytes),
                ]),
            .init(
                title: "Decoding", rows: Array(loop.decoding.named.dropLast(malformed.count))),
            .init(title: "Flows", rows: loop.metering.named),
        ]
        return report
    }
}
