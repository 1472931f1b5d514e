internal import CrowdSec
internal import FoundationEssentials
internal import NetworkAddresses
public import Quarantine
internal import TextFormats
public import Timestamps

/// What an entry would do about a target, without doing it.
public struct PlannedResponse: Sendable {
    public var entry: String
    public var action: String
    public var after: Interval
    /// The container's name, or the target.
    public var name: String
    /// The container's identifier; nil if it acts on no container.
    public var container: String?
    /// What would be done.
    public var effect: String
    /// How it would be undone when the fence ends.
    public var undo: String
    /// The commands that undo it without a monitor.
    public var commands: [String]
    /// Why it would not be done; nil if it would.
    public var objection: String?
}

/// The responses to a fence that does not exist yet.
public struct ResponsePreview: Sendable {
    public private(set) var responses: [PlannedResponse] = []
    /// The containers that the fence would be meant for.
    public private(set) var containers: [(id: String, name: String, engine: String)] = []
    /// The engines that cannot be asked, each with the reason.
    public private(set) var troubles: [String] = []

    /// Asks the engines, and changes nothing.
    ///
    /// - Parameters:
    ///   - targets: of one workload.
    ///   - workload: its name; nil: unknown.
    public init(
        of entries: [ResponseEntry], on targets: [QuarantineTarget], workload: String?,
        engines: [EngineAddress], cluster: ClusterAddress? = nil, situation: ResponseSituation,
        now: Timestamp
    ) async {
        let rules = targets.map {
            QuarantineRule(
                target: $0, state: .active, created: now, expires: now + .seconds(600),
                workload: workload)
        }
        var records: [ResponseRecord] = []
        for engine in engines where engine.isExpected {
            do throws(ResponseError) {
                for found in try await FoundContainer.all(of: engine)
                where rules.contains(where: found.isMeant) {
                    containers.append((found.id, found.name, engine.name))
                    records += ResponseRecord.planned(found, rules, entries, situation, now)
                }
            } catch { troubles.append("\(engine.name): \(error)") }
        }
        for rule in rules {
            records += ResponseRecord.planned(rule, entries, situation, now)
        }
        let order = entries.enumerated().map { ($1.delay, $0, $1) }
            .sorted { ($0.0, $0.1) < ($1.0, $1.1) }.map(\.2)
        let rails = ResponseRails(
            evidence: now, protected: situation.protected, allowlist: situation.allowlist, now: now,
            isPausedHere: false)
        for entry in order {
            for record in records where record.entry == entry.name {
                responses.append(await Self.describe(record, entry, rails, engines, cluster))
            }
        }
    }

    private static func describe(
        _ record: ResponseRecord, _ entry: ResponseEntry, _ rails: ResponseRails,
        _ engines: [EngineAddress], _ cluster: ClusterAddress?
    ) async -> PlannedResponse {
        var record = record
        var planned = PlannedResponse(
            entry: entry.name, action: entry.action.rawValue, after: entry.delay,
            name: record.name, container: entry.action.isOnContainer ? record.object : nil,
            effect: "", undo: "", commands: [])
        if record.state == .skipped {
            planned.objection = record.detail
            return planned
        }
        do throws(ResponseError) {
            switch entry.action {
            case .evidence:
                // To prepare it would keep it.
                let container = try await InspectedContainer(record.object, of: record.engine)
                try container.check(record, rails)
            default:
                record.undo = try await entry.steps(cluster: cluster, evidence: "")
                    .prepare(record, rails)
            }
            let engine = engines.first { $0.path == record.engine }?.name ?? "docker"
            let text = try description(of: record, entry, engine)
            (planned.effect, planned.undo, planned.commands) = (
                text.effect, text.undo, text.commands
            )
        } catch { planned.objection = "\(error)" }
        return planned
    }

    private static func description(
        of record: ResponseRecord, _ entry: ResponseEntry, _ engine: String
    ) throws(ResponseError) -> (effect: String, undo: String, commands: [String]) {
        let name = record.name
        switch entry.action {
        case .evidence:
            let image = entry.commits == true ? ", and its files as an image" : ""
            return ("keeps the description and processes of \(name)\(image)", "nothing to undo", [])
        case .disconnect:
            let networks = (try ContainerUndo(record).networks ?? [:]).sorted { $0.key < $1.key }
            let names = networks.map { EngineConnection.clean($0.key) }.joined(separator: ", ")
            return (
                "disconnects \(name) from \(names)"
                    + (entry.network.map { ", and connects it to \($0)" } ?? ""),
                "connected again, with its addresses and aliases",
                networks.map { $0.value.command(engine, $0.key, record) }
            )
        case .pause:
            return (
                "freezes the processes of \(name)", "they continue",
                [Shell.line([engine, "unpause", name])]
            )
        case .stop:
            let policy = try ContainerUndo(record).restart ?? "no"
            return (
                "stops \(name) within \(entry.graceSeconds) s (restart policy: \(policy))",
                "it is started", [Shell.line([engine, "start", name])]
            )
        case .request:
            let plan = try RequestPlan(record)
            return (
                "\(plan.apply.method) \(plan.apply.masked.url)",
                "\(plan.undo.method) \(plan.undo.masked.url)", []
            )
        case .crowdsec:
            let plan = try CrowdSecPlan(record)
            return (
                "adds a decision (ban) on \(plan.ban.value) to CrowdSec at \(plan.url)",
                "the decision is deleted", [plan.command]
            )
        case .exec:
            let plan = try ExecPlan(record)
            return (
                "runs \(plan.program) with step 'apply'", "runs \(plan.program) with step 'undo'",
                []
            )
        case .networkPolicy, .evict, .cordon, .scale, .revoke:
            return try ClusterPlan(record).description(of: entry.action)
        case .wireguard:
            let plan = try WireGuardPlan(record)
            return (
                "suspends \(plan.peers.map(\.text).joined(separator: "; "))",
                "gets its addresses again", plan.peers.map { $0.command(plan.program) }
            )
        }
    }
}

extension InspectedContainer.Endpoint {
    /// The command that connects the container to the network again.
    fileprivate func command(
        _ engine: String, _ network: String, _ record: ResponseRecord
    ) -> String {
        let wanted = asRequest(record)
        var words = [engine, "network", "connect"]
        if let address = wanted.IPAMConfig?.IPv4Address { words += ["--ip", address] }
        if let address = wanted.IPAMConfig?.IPv6Address { words += ["--ip6", address] }
        for alias in wanted.Aliases ?? [] { words += ["--alias", EngineConnection.clean(alias)] }
        return Shell.line(words + [EngineConnection.clean(network), record.name])
    }
}
