import ArgumentParser
import BaselineGraph
import ControlServer
import EventStore
import Events
import FlowHistory
import FlowMetering
import FoundationEssentials
import Monitor
import NetworkAddresses
import Settings
import StatusReport
import SystemSupport
import Timestamps

/// The alert argument, shared by every command about one alert.
struct AlertInput: ParsableArguments {
    @Argument(help: ArgumentHelp("The alert's event_id.", valueName: "event"))
    var eventID: String?

    @Option(
        help: ArgumentHelp(
            "EVE file that contains the alert; default: the running monitor or its store.",
            valueName: "file"))
    var events: String?
}

/// An alert with its context, from the running monitor, or else from the store in the state
/// directory of the configuration.
struct StoredAlert {
    /// The alert as EVE JSON, then the changes of the rule that acts on its offender.
    var lines: [String]
    /// Where they are from.
    var name: String
    /// The file of the model; it may not exist.
    var modelPath: String?
    /// Whether a monitor has answered.
    var isRunning: Bool
    /// The incident that begins with the alert; nil if none does.
    var incident: IncidentSummary?

    static func find(_ identifier: String, _ control: ControlInput) async throws -> StoredAlert {
        do {
            let client = try control.client()
            let lines = try await client.alert(identifier)
            let incident = try await client.incident(identifier).flatMap {
                try? JSONDecoder().decode(IncidentSummary.self, from: Data($0.json))
            }
            return StoredAlert(
                lines: lines, name: "the monitor", modelPath: try await client.status().modelFile,
                isRunning: true, incident: incident)
        } catch {
            // A socket that is named is that of a running monitor.
            guard control.socket == nil, error.isOfAbsentMonitor else { throw error }
            return try stored(identifier, try control.file.read(), "\(error)")
        }
    }

    private static func stored(
        _ identifier: String, _ settings: Configuration, _ reason: String
    ) throws -> StoredAlert {
        let directory = settings.monitor.stateDirectory
        let path = directory + "/lazaret.db"
        guard FileManager.default.fileExists(atPath: path) else {
            throw IOError.input(
                path: path,
                reason: "there are no events (\(reason)); name the file that holds the alert with "
                    + "--events")
        }
        // A reader creates SQLite's files beside the store.
        try FileOwner.become(ownerOf: directory)
        let store = try EventStore(directory: directory)
        guard let event = try store.event(id: identifier) else {
            throw IOError.input(path: path, reason: "holds no alert with event_id \(identifier)")
        }
        let rule = try? Event(eve: Data(event.line.utf8)).quarantineID
        let changes = try rule.map { try store.changes(ofRule: $0) } ?? []
        return StoredAlert(
            lines: [event.line] + changes.map(\.line), name: path,
            modelPath: settings.modelFile, isRunning: false,
            incident: try store.incident(id: identifier)?.summary)
    }

    /// The flows of the offender in the time of the alert; empty if the history has none.
    func flows(_ control: ControlInput) async -> [EVEFlow] {
        guard let line = lines.first, let event = try? Event(eve: Data(line.utf8)),
            case .alert(let alert) = event.payload, let window = alert.window,
            let source = try? HistorySource(control, state: nil)
        else { return [] }
        var query = FlowQuery()
        query.from = Timestamp(second: window.lowerBound)
        query.to = Timestamp(second: window.upperBound)
        query.workload = FlowQuery.Host("\(alert.offender)")
        let page = try? await source.page(query, before: nil, limit: Self.flowLimit)
        return (page?.rows ?? []).map { EVEFlow($0.flow.entry) }
    }

    private static let flowLimit = 1000
}

extension EVEFlow {
    fileprivate init(_ entry: FlowEntry) {
        let hasPorts = Service.hasPorts(entry.ipProtocol)
        self.init(
            source: entry.originator, sourcePort: hasPorts ? entry.originatorPort : nil,
            destination: entry.responder, destinationPort: hasPorts ? entry.responderPort : nil,
            ipProtocol: entry.ipProtocol, start: entry.start, end: entry.end,
            state: "\(entry.state.name)",
            packets: (entry.originatorPackets, entry.responderPackets),
            bytes: (entry.originatorBytes, entry.responderBytes))
        communityID = entry.communityID.text
    }
}

extension Configuration {
    /// The file of the model: the configured one, or the one that the node learns.
    var modelFile: String {
        (model ?? Monitor.learnedModelPath(in: monitor.stateDirectory)).absolutePath
    }
}

extension Error {
    /// Whether no monitor answers, or none is to be asked.
    var isOfAbsentMonitor: Bool {
        if case .some(.unreachable) = self as? ControlError { return true }
        return self is SocketIsOff
    }
}
