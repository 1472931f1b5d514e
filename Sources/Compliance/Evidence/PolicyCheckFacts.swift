internal import FoundationEssentials
internal import SystemSupport
internal import TextFormats
public import Timestamps

/// What `lazaret policy check --format json` has written about a capture.
public struct PolicyCheckFacts: Sendable, Equatable {
    /// The identifier of the model whose policy it was.
    public var model: String
    /// The times of the capture's first and last packet.
    public var first: Timestamp
    public var last: Timestamp
    public var allowedFlows: Int
    public var blockedFlows: Int
    /// Flows without a workload that the policy restricts.
    public var unrestrictedFlows: Int
    public var hasWarnings: Bool

    private struct File: Decodable {
        var model: String
        var first: String
        var last: String
        var allowed_flows: Int
        var blocked_flows: Int
        var unrestricted_flows: Int
        var warnings: [String]
    }

    private static let mostBytes: Int64 = 64 << 20

    /// - Throws: `ComplianceInputError`, one line.
    public init(file path: String) throws(ComplianceInputError) {
        let file: File
        do {
            let bytes = try InputFile.bytes(of: path, limit: Self.mostBytes)
            file = try JSONDecoder().decode(File.self, from: Data(bytes))
        } catch let error as IOError {
            throw ComplianceInputError(path: path, reason: error.reason)
        } catch {
            throw ComplianceInputError(path: path, reason: Self.hint)
        }
        guard file.model.utf8.count <= 64, let first = UTC.time(file.first),
            let last = UTC.time(file.last), first <= last,
            [file.allowed_flows, file.blocked_flows, file.unrestricted_flows].allSatisfy({
                (0...Int(Int32.max)).contains($0)
            })
        else { throw ComplianceInputError(path: path, reason: Self.hint) }
        model = file.model.printable
        self.first = first
        self.last = last
        allowedFlows = file.allowed_flows
        blockedFlows = file.blocked_flows
        unrestrictedFlows = file.unrestricted_flows
        hasWarnings = !file.warnings.isEmpty
    }

    private static let hint =
        "it is no result of a policy check; 'lazaret policy check --format json -o FILE' writes one"
}

/// Why a file that a report needs cannot be used.
public struct ComplianceInputError: Error, Sendable, CustomStringConvertible {
    public var path: String
    public var reason: String

    public var description: String { "\(path): \(reason)" }
}

extension [PolicyCheckFacts] {
    /// What the checks of captures of a period say.
    func evidence(in period: Range<Timestamp>) -> Evidence {
        var evidence = Evidence(.policyCheck, "")
        let used = filter { $0.last >= period.lowerBound && $0.first < period.upperBound }
            .sorted { ($0.first, $0.last, $0.model) < ($1.first, $1.last, $1.model) }
        guard !isEmpty else {
            evidence.sentence = "no result of a policy check was given; --policy-check does"
            return evidence
        }
        guard !used.isEmpty else {
            evidence.sentence =
                Words.count(count, "check is", "checks are") + " of captures of another time"
            return evidence
        }
        evidence.count = Int64(used.count)
        evidence.first = used.map(\.first).min()
        evidence.last = used.map(\.last).max()
        func sum(_ flows: (PolicyCheckFacts) -> Int) -> Int { used.reduce(0) { $0 + flows($1) } }
        let (blocked, allowed) = (sum(\.blockedFlows), sum(\.allowedFlows))
        let length = used.reduce(Interval.zero) { $0 + ($1.last - $1.first) }
        evidence.sentence =
            Words.count(used.count, "check", "checks") + " of captures over \(Words.length(length))"
            + " of \(Words.length(period.upperBound - period.lowerBound)): \(blocked) of "
            + Words.count(blocked + allowed, "flow", "flows")
            + " would have been blocked; \(sum(\.unrestrictedFlows)) had no restricted workload"
        evidence.references = used.suffix(Evidence.referenceLimit).map { one in
            Evidence.Reference(
                record: "policy of model \(one.model)",
                about: "traffic from \(Words.time(one.first)) to \(Words.time(one.last)): "
                    + "\(one.blockedFlows) of \(one.blockedFlows + one.allowedFlows) flows blocked")
        }
        if blocked > 0 {
            evidence.exceptions.append(
                Words.count(blocked, "flow", "flows") + " that the policy does not allow")
        }
        let marked = used.count { $0.hasWarnings }
        if marked > 0 {
            evidence.exceptions.append(
                Words.count(marked, "check has", "checks have") + " warnings")
        }
        return evidence
    }
}
