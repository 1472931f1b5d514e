internal import FoundationEssentials
internal import Monitor
public import Quarantine
public import StatusReport
internal import SystemSupport
internal import Timestamps

/// The quarantine of a running monitor, for the command line.
extension ControlClient {
    /// A rule that the monitor has added.
    public struct Addition: Decodable, Sendable {
        public var response: String
        public var untilNs: Int64
        /// The protection of the target that was overridden; nil: none.
        public var overridden: String?
    }

    /// Whether a running monitor enforces with the ledger in `directory`.
    ///
    /// - Throws: `.notPermitted` if the caller is not authorized, `.impostor` if the server is not
    ///   a monitor.
    public func isEnforcing(with directory: String) async throws(ControlError) -> Bool {
        guard let status = try await statusIfRunning(), status.appliesRules else { return false }
        return status.stateDirectory?.realPath == directory.realPath
    }

    /// The status of the running monitor; nil where none answers within 3 s.
    ///
    /// - Throws: `.notPermitted` and `.impostor`, as for every request.
    public func statusIfRunning() async throws(ControlError) -> MonitorStatus? {
        do {
            return try await status(timeout: .seconds(3))
        } catch let error as ControlError {
            switch error {
            case .notPermitted, .impostor: throw error
            case .unreachable, .refused: return nil
            }
        } catch { return nil }
    }

    /// Adds a rule.
    ///
    /// - Parameters:
    ///   - workload: the workload that the operator named, if any.
    ///   - actor: the author of the decision; used if the caller is root.
    public func add(
        _ target: QuarantineTarget, action: QuarantineRule.Action, seconds: Int64, reason: String,
        workload: String?, actor: String, force: Bool
    ) async throws -> Addition {
        var fields = [
            ("target", JSONText.quoted("\(target)")), ("duration", JSONText.quoted("\(seconds)s")),
            ("response", JSONText.quoted(action.rawValue)), ("reason", JSONText.quoted(reason)),
            ("by", JSONText.quoted(actor)), ("force", "\(force)"),
        ]
        if let workload { fields.append(("workload", JSONText.quoted(workload))) }
        return try decode(try await post(Self.path, JSONText.object(fields)))
    }

    /// Removes every rule within `target`.
    ///
    /// - Returns: the rules' targets.
    public func release(
        _ target: QuarantineTarget, reason: String, actor: String
    ) async throws -> [String] {
        let body = JSONText.object([
            ("target", JSONText.quoted("\(target)")), ("reason", JSONText.quoted(reason)),
            ("by", JSONText.quoted(actor)),
        ])
        return try decode(try await post(Self.path + "/release", body))
    }

    /// Removes every rule.
    ///
    /// - Returns: the rules' targets.
    public func flush(reason: String, actor: String) async throws -> [String] {
        let body = JSONText.object([
            ("reason", JSONText.quoted(reason)), ("by", JSONText.quoted(actor)),
        ])
        return try decode(try await post(Self.path + "/flush", body))
    }

    /// Every rule, with the kernel's counters.
    public func rules() async throws -> [RuleStatus] {
        let rows: [RuleRow] = try decode(
            try await get(Self.path, timeout: .seconds(60)))
        return rows.compactMap(\.status)
    }

    private static var path: String { "/api/v1/quarantine" }
}

/// A rule in the format of `RuleReport`.
private struct RuleRow: Decodable {
    var id: String
    var target: String
    var response: String
    var inForce: Bool
    var dryRun: Bool
    var remainingSeconds: Double
    var untilNs: Int64
    var packetsHeld: UInt64
    var bytesHeld: UInt64
    var level: Int
    var workload: String?
    var reason: String
    var evidence: String?
    var eventId: String
    var features: String
    var by: String
    var forced: Bool

    /// Nil if a value is unknown.
    var status: RuleStatus? {
        guard let target = QuarantineTarget(target),
            let action = QuarantineRule.Action(rawValue: response)
        else { return nil }
        return RuleStatus(
            rule: QuarantineRule(
                id: id, target: target, action: action, state: .active,
                expires: Timestamp(nanoseconds: untilNs),
                level: level, reason: reason, eventID: eventId, features: features,
                workload: workload, origin: by, isForced: forced, isDryRun: dryRun,
                evidence: evidence ?? ""),
            remaining: .milliseconds(Int64((remainingSeconds * 1000).rounded())),
            packets: packetsHeld, bytes: bytesHeld, isInForce: inForce)
    }
}
