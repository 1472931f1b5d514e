public import Posture

/// What a control of a standard can be supported by: a kind of record that the monitor keeps.
public enum EvidenceKind: Hashable, Sendable {
    /// The models of normal traffic.
    case baseline
    case alerts, incidents
    /// What operators have said of incidents.
    case triage
    case quarantine, responses
    /// The hash chain of the audit trail.
    case auditChain
    /// What persons did with the monitor.
    case auditAdminActions
    /// How far back records reach.
    case retention
    /// When the monitor ran.
    case sensorHealth
    /// Alerts about addresses and names of threat intelligence.
    case indicators
    /// What Falco, Tetragon and auditd said of processes.
    case runtimeEvents
    /// Who talked to whom.
    case trafficMatrix
    case plaintextProtocols
    /// What scanners report of the images that run.
    case images
    /// What of captured traffic a model's policy would have blocked.
    case policyCheck
    /// Settings of containers and pods; nil: all checks.
    case posture(PostureCheck?)

    private static let plain: [(name: String, kind: EvidenceKind)] = [
        ("baseline", .baseline), ("alerts", .alerts), ("incidents", .incidents),
        ("triage", .triage), ("quarantine", .quarantine), ("responses", .responses),
        ("audit-chain", .auditChain), ("audit-admin-actions", .auditAdminActions),
        ("retention", .retention), ("sensor-health", .sensorHealth),
        ("indicators", .indicators), ("runtime-events", .runtimeEvents),
        ("traffic-matrix", .trafficMatrix),
        ("plaintext-protocols", .plaintextProtocols), ("images", .images),
        ("policy-check", .policyCheck), ("posture", .posture(nil)),
    ]

    /// Every name, for an error message.
    static var names: [String] { plain.map(\.name) + ["posture:CHECK"] }

    /// Parses the name of a standard's file; nil: unknown.
    init?(name: String) {
        if let found = Self.plain.first(where: { $0.name == name }) {
            self = found.kind
            return
        }
        let prefix = "posture:"
        guard name.hasPrefix(prefix),
            let check = PostureCheck(rawValue: String(name.dropFirst(prefix.count)))
        else { return nil }
        self = .posture(check)
    }

    /// The name in a standard's file.
    public var name: String {
        if case .posture(let check?) = self { return "posture:\(check.rawValue)" }
        return Self.plain.first { $0.kind == self }?.name ?? ""
    }

    /// Whether its records are those of the audit trail.
    var isOfTrail: Bool {
        switch self {
        case .quarantine, .responses, .auditChain, .auditAdminActions, .triage: true
        default: false
        }
    }

    /// Whether it needs the flow history.
    var isOfFlows: Bool {
        switch self {
        case .trafficMatrix, .plaintextProtocols, .retention: true
        default: false
        }
    }
}
