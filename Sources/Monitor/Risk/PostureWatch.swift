internal import Posture
internal import Risk
internal import Synchronization
internal import Timestamps
internal import Workloads

/// The settings of containers, asked of engines and cluster every ten minutes and when containers
/// have changed. Nobody waits for the answers.
final class PostureWatch: Sendable {
    /// What is known of the settings.
    struct Findings: Sendable {
        var settings: [String: RiskFactors.Posture] = [:]
        var publishedPorts: [String: Int] = [:]
        var remarks: [String] = []
    }

    private struct State {
        var findings = Findings()
        var read: Instant?
        var version = -1
        var next = Clock.monotonic()
        var task: Task<Void, Never>?
    }

    private static let period = Interval.seconds(600)
    /// Containers that come and go cause no more requests than this.
    private static let leastPeriod = Interval.seconds(60)
    /// Answers older than this count as unknown.
    private static let validity = Interval.seconds(3600)

    private let options: WorkloadOptions
    private let state = Mutex(State())

    init(_ options: WorkloadOptions) { self.options = options }

    /// The latest findings; begins to ask for newer ones if it is time.
    ///
    /// - Parameter version: changes with the containers.
    func findings(version: Int, now: Instant) -> Findings {
        state.withLock { state in
            let hasChanged = version != state.version
            let earliest = state.read.map { $0 + Self.leastPeriod } ?? state.next
            if state.task == nil, now >= state.next || hasChanged && now >= earliest {
                state.version = version
                state.next = now + Self.period
                state.task = Task.detached { [self] in await ask() }
            }
            guard let read = state.read, now - read < Self.validity else {
                return Findings(remarks: state.findings.remarks)
            }
            return state.findings
        }
    }

    func stop() { state.withLock { $0.task }?.cancel() }

    private func ask() async {
        var report = PostureReport()
        let (answered, failures) = await report.readSources(options)
        var findings = Findings(report)
        findings.remarks = failures.map { "settings of containers: \($0)" }
        state.withLock { state in
            state.task = nil
            if answered > 0 {
                state.findings = findings
                state.read = Clock.monotonic()
            } else {
                // What was read before stays until it is too old.
                state.findings.remarks = findings.remarks
            }
        }
    }
}

extension PostureWatch.Findings {
    /// Counts each setting of a workload once, whatever the number of its containers.
    init(_ report: PostureReport) {
        for workload in report.workloads {
            settings[workload] = RiskFactors.Posture()
            publishedPorts[workload] = 0
        }
        var seen: Set<[String]> = []
        for finding in report.findings
        where seen.insert([finding.workload, finding.check.rawValue, finding.detail]).inserted {
            // Published ports are exposure.
            guard finding.check != .publishedPort else {
                publishedPorts[finding.workload, default: 0] += 1
                continue
            }
            settings[finding.workload, default: RiskFactors.Posture()].add(finding)
        }
    }
}

extension RiskFactors.Posture {
    /// Adds a finding; the worst come first.
    fileprivate mutating func add(_ finding: PostureFinding) {
        switch finding.severity {
        case .critical: critical += 1
        case .high: high += 1
        case .medium: medium += 1
        case .low: low += 1
        }
        guard worst == nil else { return }
        worst =
            finding.check.title + (finding.detail.isEmpty ? "" : " (\(finding.detail))")
        mend = finding.mend
    }
}
