public import BaselineGraph
public import FeatureExtraction
package import IsolationForest
public import NetworkAddresses
public import PacketDecoding
public import Workloads
public import Timestamps

/// The result of training: baselines, graph, forests, calibration and provenance.
public struct Model: Sendable, Equatable {
    /// The part of the model for one window length.
    public struct ScaleModel: Sendable, Equatable {
        public internal(set) var baseline: ScaleBaseline
        public internal(set) var calibration: Calibration
        /// The score from which a window is anomalous.
        public internal(set) var threshold: Float
        /// The longest time, in seconds, of which the training had a window.
        public internal(set) var learnedSeconds: Int
        package var forest: IsolationForest

        /// Whether the training was too short, or its tail too heavy, to set the threshold as high
        /// as the false-alarm budget requires. The threshold is then the highest allowed, and the
        /// budget is not proven.
        public var isCapped: Bool { threshold >= Trainer.highestThreshold }

        /// Whether the training had windows of about as much time as `window` contains. A window
        /// contains no more time than its host was seen for: after a training of 20 seconds, no
        /// baseline says what is usual in 600.
        package func covers(_ window: Window) -> Bool {
            window.coveredSeconds * 4 <= learnedSeconds * 5
        }
    }

    /// Where a model came from.
    public struct Provenance: Sendable, Equatable {
        /// Names of the captures, as given.
        public var sources: [String] = []
        /// Packet times.
        public var first = Timestamp.epoch
        public var last = Timestamp.epoch
        public var packetCount = 0
        public var seed: UInt64 = 0
        public var falseAlarmsPerDay: Double = 1
        /// The inventory that the names in the model come from; replay uses it if no other is
        /// given.
        public var inventory = Inventory.empty
        /// SHA-256 of the inventory's text in hexadecimal, empty without one.
        public var inventoryDigest = ""

        public init() {}
    }

    public internal(set) var provenance: Provenance
    public internal(set) var graph: CommunicationGraph
    public internal(set) var scales: [ScaleModel]
    /// What clean minutes look like; nil if the training had too few.
    public internal(set) var minutes: MinuteModel?
    /// What is usual at which time; nil if the training was too short.
    public internal(set) var times: TimeModel?
    /// The number of contacts of each workload that the last fifth of the training saw first: where
    /// there are some, more may follow.
    public internal(set) var arriving: [String: Int] = [:]
    /// Operators' feedback on its alerts, stored next to the model's file.
    public private(set) var feedback: [Feedback] = []
    /// The first 16 hexadecimal digits of the file's SHA-256.
    public internal(set) var identifier = ""

    /// Returns the graph with the contacts that were judged benign.
    public func graph(knowing feedback: [Feedback], inventory: Inventory) -> CommunicationGraph {
        var wider = graph
        for said in feedback where said.excusesContact {
            guard let peer = said.peer else { continue }
            wider.know(said.subject, peer, said.service, inventory: inventory)
        }
        return wider
    }

    /// Applies operators' feedback on its alerts.
    ///
    /// - Parameter inventory: names of workloads; nil: those stored in the model.
    public mutating func apply(_ feedback: [Feedback], inventory: Inventory?) {
        self.feedback = feedback
        graph = graph(knowing: feedback, inventory: inventory ?? provenance.inventory)
    }

    /// Accepts a contact and its outside address, as if the training had seen them. Nothing else of
    /// the model changes.
    ///
    /// - Parameter inventory: names of workloads.
    public mutating func accept(
        from source: IPAddress, to destination: IPAddress, _ service: Service, inventory: Inventory
    ) {
        graph.know(source, destination, service, inventory: inventory)
    }

    /// Accepts a DNS name, as if the training had seen a query for it.
    public mutating func accept(_ name: NameDigest) { graph.know(name) }

    /// Copies graph, new contacts, minutes, times and feedback from `anchor`, from which this model
    /// was retrained.
    public mutating func inherit(from anchor: Model) {
        graph = anchor.graph
        minutes = anchor.minutes
        times = anchor.times
        arriving = anchor.arriving
        feedback = anchor.feedback
    }

    /// The evidence over minutes from which an alert is raised, by the model's false-alarm budget.
    public var evidenceLine: Double? {
        minutes?.line(falseAlarmsPerDay: provenance.falseAlarmsPerDay)
    }

    /// The part of the model for `scale`; read in place, since a copy retains a dozen arrays.
    public subscript(scale: Scale) -> ScaleModel {
        _read { yield scales[scale.rawValue] }
    }
}

/// Why a model was refused or could not be trained.
public enum ModelError: Error, Equatable, Sendable, CustomStringConvertible {
    case notAModel
    case newerVersion(Int)
    case olderVersion(Int)
    case otherSchema(Int)
    case damaged(String)
    case tooLittleData(String)

    public var description: String {
        switch self {
        case .notAModel:
            "is not a Lazaret model; make one with 'lazaret train -r CLEAN.pcap -o MODEL'"
        case .newerVersion(let version):
            """
            has format version \(version), newer than this program's \(Model.formatVersion); \
            upgrade lazaret
            """
        case .olderVersion(let version):
            """
            has format version \(version), older than this program's \(Model.formatVersion); \
            make a new one with 'lazaret train -r CLEAN.pcap -o MODEL'
            """
        case .otherSchema(let version):
            """
            was trained with feature schema \(version), this program has \(FeatureSchema.version); \
            train again
            """
        case .damaged(let what): "is damaged: \(what); restore it from a copy or train again"
        case .tooLittleData(let what): what
        }
    }
}
