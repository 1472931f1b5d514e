internal import AnomalyDetection
package import AnomalyModel
import BaselineGraph
internal import Enforcement
internal import EventDelivery
public import EventStore
internal import FeatureExtraction
internal import Quarantine
public import Recording
public import StatusReport
internal import Synchronization
internal import SystemSupport
internal import Timestamps

/// The state that a running monitor publishes, and the requests that it accepts: the only
/// connection between its threads and the control server.
public final class MonitorHub: Sendable {
    private struct State {
        var status: MonitorStatus?
        var incidents: [StoredIncident] = []
        var configuration = ""
        var modelPath: String?
        var recording: RecordingOptions?
        var store: EventStore?
        var rates = RateHistory()
        var contacts: [Contact] = []
        var entrances: [MonitorStatus.Entrance] = []
    }

    /// An edge of the model's communication graph.
    public struct Contact: Codable, Sendable {
        public var from: String
        public var to: String
        public var service: String

        /// The most edges that are shown.
        static let limit = 20_000

        /// The edges from and to a workload.
        package static func all(of workload: String?, in model: Model) -> [Contact] {
            model.graph.namedEdges.lazy.filter { $0.subject == workload || $0.peer == workload }
                .prefix(limit).map {
                    Contact(from: $0.subject, to: $0.peer, service: "\($0.service)")
                }
        }

        static func all(in model: Model) -> [Contact] {
            model.graph.namedEdges.prefix(limit).map {
                Contact(from: $0.subject, to: $0.peer, service: "\($0.service)")
            }
        }
    }

    let scores = ScoreHistory()
    let mutes = MuteList()
    let imageTable = Mutex<ImageTable>(ImageTable())
    /// A lock of its own: publishing an event does not wait for readers of other state.
    let stream = Mutex(Stream())
    private let state = Mutex(State())
    private let guardian = Mutex<(quarantine: QuarantineService, decisions: DecisionThread)?>(nil)
    private let control = Mutex<EnforcementSwitch?>(nil)
    let runtimeEvents = Mutex<RuntimeEventWatch?>(nil)
    private let reload = Atomic<Bool>(false)
    private let incidentVersion = Atomic<Int>(0)
    let riskReport = Mutex<RiskReport?>(nil)
    private let open = Mutex<[OpenIncidents]>([])

    public init() {}

    // MARK: - State

    /// The latest status, with the mode of now; nil before the monitor has started.
    public var status: MonitorStatus? {
        guard var status = state.withLock({ $0.status }) else { return nil }
        noteMode(in: &status)
        return status
    }

    /// The rates of the last hour, oldest first.
    public var rates: [Rate] { state.withLock { $0.rates.rates } }

    func restore(_ rates: [Rate]) { state.withLock { $0.rates.restore(rates) } }

    /// The contacts of the model in use.
    public var contacts: [Contact] { state.withLock { $0.contacts } }

    /// The highest score of each workload in each of the last `minutes` minutes, in hundredths,
    /// oldest first.
    public func scores(ofMinutes minutes: Int) -> [(workload: String, scores: [UInt8])] {
        scores.rows(of: minutes, until: Clock.now().second)
    }

    /// The state of each entrance of the control server.
    public var entrances: [MonitorStatus.Entrance] { state.withLock { $0.entrances } }

    /// Stores the state of an entrance.
    public func report(
        entrance name: String, address: String, _ change: (inout MonitorStatus.Entrance) -> Void
    ) {
        state.withLock { state in
            let known = state.entrances.firstIndex { $0.name == name }
            let index = known ?? state.entrances.count
            if known == nil {
                state.entrances.append(MonitorStatus.Entrance(name: name, address: address))
            }
            change(&state.entrances[index])
        }
    }

    /// The incidents of this run, the latest first.
    public var incidents: [StoredIncident] { state.withLock { $0.incidents } }

    /// The configuration in use, in the format of the configuration file.
    public var configuration: String {
        get { state.withLock { $0.configuration } }
        set { state.withLock { $0.configuration = newValue } }
    }

    /// The path of the model's file; nil: the node learns one.
    public var modelPath: String? {
        get { state.withLock { $0.modelPath } }
        set { state.withLock { $0.modelPath = newValue } }
    }

    /// The store of past and current events; nil if they are not kept.
    public var store: EventStore? { state.withLock { $0.store } }

    /// Where packets are recorded; nil before the monitor has started.
    public var recording: RecordingOptions? { state.withLock { $0.recording } }

    // MARK: - Requests

    /// Requests that the monitor reads its files again, as SIGHUP does.
    public func requestReload() { reload.store(true, ordering: .relaxed) }

    func takeReload() -> Bool {
        reload.load(ordering: .relaxed) && reload.exchange(false, ordering: .relaxed)
    }

    /// The quarantine of the running monitor, and the thread that reports changes to it; nil if
    /// there is none.
    func quarantine() -> (quarantine: QuarantineService, decisions: DecisionThread)? {
        guardian.withLock { $0 }
    }

    /// The switch between observing and enforcing; nil before the monitor has started.
    var enforcementSwitch: EnforcementSwitch? { control.withLock { $0 } }

    // MARK: - Publishing

    func connect(
        _ quarantine: QuarantineService, _ decisions: DecisionThread, _ store: EventStore,
        _ enforcement: EnforcementSwitch, _ recording: RecordingOptions
    ) {
        control.withLock { $0 = enforcement }
        mutes.load(from: store)
        restoreMinutes(from: store)
        guardian.withLock { $0 = (quarantine, decisions) }
        state.withLock { state in
            state.store = store
            state.recording = recording
        }
    }

    func publish(_ status: MonitorStatus) {
        state.withLock { state in
            let before = state.status?.verdicts ?? 0
            state.status = status
            // After a restart, the verdicts count from 0 again.
            state.rates.add(
                second: Int64(status.updated.second), packets: status.packetsPerSecond,
                bits: status.bitsPerSecond,
                verdicts: status.verdicts >= before ? status.verdicts - before : status.verdicts)
        }
    }

    func publish(contacts: [Contact]) { state.withLock { $0.contacts = contacts } }

    func publish(_ incidents: [StoredIncident]) {
        state.withLock { $0.incidents = incidents }
        noteIncidentChange()
    }

    /// The numbers of open incidents by severity and state, some seconds old.
    public var openIncidents: [OpenIncidents] { open.withLock { $0 } }

    func publish(_ incidents: [OpenIncidents]) { open.withLock { $0 = incidents } }

    /// Counts changes of incidents and of what operators say of them.
    var incidentChanges: Int { incidentVersion.load(ordering: .relaxed) }

    func noteIncidentChange() { incidentVersion.wrappingAdd(1, ordering: .relaxed) }

    /// Ends the streams of all followers.
    func close() {
        guardian.withLock { $0 = nil }
        runtimeEvents.withLock { $0 = nil }
        state.withLock { state in
            state.store = nil
            state.status?.phase = .stopped
        }
        endStreams()
    }
}
