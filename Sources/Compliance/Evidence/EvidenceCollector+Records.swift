internal import EventStore
internal import FlowHistory
internal import Posture
internal import Timestamps

// Evidence of stored events, of the audit trail, of flows and of settings.
extension EvidenceCollector {
    private static let limit = Evidence.referenceLimit

    // MARK: - Events

    func alerts(isListed: Bool) throws(EventStoreError) -> Evidence {
        let found = try sources.store.alerts(
            in: period, isListed: isListed, limit: Self.limit)
        return evidence(isListed ? .indicators : .alerts, found, "alert") {
            Words.count($0, "alert", "alerts")
                + (isListed ? " about an address or name of an indicator list" : "")
                + ", \(found.marked) of severity 1"
        }
    }

    /// What Falco, Tetragon and auditd said of processes, by the reports that were published.
    var runtimeEvents: Evidence {
        get throws(EventStoreError) {
            let found = try sources.store.runtimeEvents(in: period, limit: Self.limit)
            return evidence(.runtimeEvents, found, "event") {
                Words.count($0, "report", "reports")
                    + " of processes, \(found.marked) of priority warning or above"
            }
        }
    }

    /// Evidence of stored records, which are only made while a monitor runs.
    ///
    /// - Parameter sentence: what it says, by the number of records.
    private func evidence(
        _ kind: EvidenceKind, _ found: StoredExtract, _ record: String,
        _ sentence: (_ count: Int64) -> String
    ) -> Evidence {
        var evidence = Evidence(kind, found, record)
        evidence.gaps = monitoringGaps
        if evidence.isPresent { evidence.sentence = sentence(evidence.count) }
        return evidence
    }

    var incidents: Evidence {
        get throws(EventStoreError) {
            let found = try sources.store.incidents(in: period, limit: Self.limit)
            return evidence(.incidents, found, "incident") {
                Words.count($0, "incident", "incidents") + " began"
            }
        }
    }

    /// Incidents with what an operator has said of them.
    var triage: Evidence {
        get throws(EventStoreError) {
            let found = try sources.store.incidents(in: period, limit: Self.limit)
            var evidence = Evidence(.triage, found, "incident")
            evidence.gaps = monitoringGaps
            guard evidence.isPresent else { return evidence }
            let incidents = Words.count(evidence.count, "incident", "incidents")
            evidence.sentence =
                "\(found.marked) of \(incidents) \(found.marked == 1 ? "has" : "have") a state set "
                + "by an operator"
            let open = evidence.count - found.marked
            evidence.count = found.marked
            if open > 0 {
                evidence.exceptions = [
                    "\(Words.count(open, "incident", "incidents")) without an operator's state"
                ]
            }
            return evidence
        }
    }

    // MARK: - Audit trail

    func audit(
        _ kind: EvidenceKind, _ selection: AuditSelection
    ) throws(EventStoreError) -> Evidence {
        let extract = try sources.store.audit(selection, in: period, limit: Self.limit)
        var evidence = Evidence(kind, extract)
        guard evidence.isPresent else { return evidence }
        let actions = extract.actions.map { "\($0.count) \($0.name)" }.joined(separator: ", ")
        evidence.sentence = "\(Words.count(evidence.count, "record", "records")): \(actions)"
        return evidence
    }

    /// Decisions about rules, and how soon they followed the alert.
    var rules: Evidence {
        get throws(EventStoreError) {
            var evidence = try audit(.quarantine, .rules)
            let times = try sources.store.reactionTimes(in: period).sorted()
            guard evidence.isPresent, !times.isEmpty else { return evidence }
            evidence.sentence +=
                "; from alert to rule: median \(Words.length(times[times.count / 2])), "
                + "longest \(Words.length(times[times.count - 1])), "
                + Words.count(times.count, "rule", "rules")
            return evidence
        }
    }

    // MARK: - Flows

    private func flows(_ kind: EvidenceKind) -> (Evidence, FlowTraffic?) {
        var evidence = Evidence(kind, "")
        switch traffic {
        case .success(let found?):
            evidence.count = found.flows
            (evidence.first, evidence.last) = (found.first, found.last)
            evidence.gaps = monitoringGaps.filter { $0.reason.contains("monitor ran") }
            if let oldest = found.oldest, oldest > period.lowerBound + .seconds(3600) {
                evidence.gaps.append(
                    Evidence.Gap(
                        from: period.lowerBound, to: min(oldest, period.upperBound),
                        reason: "no flows are kept from this time"))
            }
            if found.damaged > 0 {
                evidence.exceptions.append("\(found.damaged) flows cannot be read")
            }
            return (evidence, found.flows > 0 ? found : nil)
        case .failure(let error): evidence.sentence = "the flow history cannot be read: \(error)"
        default: evidence.sentence = "there is no flow history"
        }
        return (evidence, nil)
    }

    var trafficMatrix: Evidence {
        var (evidence, found) = flows(.trafficMatrix)
        guard let found else { return evidence }
        evidence.sentence =
            "\(Words.count(found.flows, "flow", "flows")) between "
            + "\(Words.count(found.workloadPairs, "pair", "pairs")) of workloads and "
            + "\(Words.count(found.addressPairs, "pair", "pairs")) with an address without a name; "
            + "\(found.newFlows) to a peer or service that the baseline lacks"
            + (found.isPartial ? "; there were more pairs than are counted" : "")
        return evidence
    }

    var plaintext: Evidence {
        var (evidence, found) = flows(.plaintextProtocols)
        guard let found else { return evidence }
        evidence.sentence =
            "\(found.plaintextFlows) of \(Words.count(found.flows, "flow", "flows")) used a port "
            + "of a protocol without encryption and were answered"
        evidence.references = found.plaintext.prefix(Self.limit).map {
            Evidence.Reference(
                record: Words.count($0.flows, "flow", "flows"),
                about: "\($0.originator) to \($0.responder), \($0.service)")
        }
        if !found.plaintext.isEmpty {
            let contacts = Words.count(found.plaintext.count, "contact", "contacts")
            evidence.exceptions.append("\(contacts) by protocols without encryption")
        }
        return evidence
    }

    // MARK: - Settings

    var images: Evidence {
        guard let facts = sources.images else {
            return Evidence(
                .images,
                "scanners' reports were not compared with what runs; --images and --posture do")
        }
        return facts.evidence(at: period.upperBound)
    }

    func posture(_ check: PostureCheck?) -> Evidence {
        var evidence = Evidence(.posture(check), "")
        guard let report = sources.posture else {
            evidence.sentence = "settings were not read; --posture does"
            return evidence
        }
        evidence.count = Int64(report.containerCount)
        guard evidence.isPresent else {
            evidence.sentence = "no containers were found"
            return evidence
        }
        if check == .unusedPort, !report.hasComparedPorts {
            evidence.count = 0
            evidence.sentence = "published ports were not compared with a model"
            return evidence
        }
        if check == .noNetworkPolicy || check == .serviceAccountToken, report.podCount == 0 {
            evidence.count = 0
            evidence.applies = false
            evidence.sentence = "does not apply: no pods"
            return evidence
        }
        let findings = report.findings.filter { check == nil || $0.check == check }
        let containers = Words.count(report.containerCount, "container", "containers")
        evidence.sentence =
            "\(containers) assessed when the report was made: "
            + Words.count(findings.count, "finding", "findings")
        evidence.references = findings.prefix(Self.limit).map {
            let detail = $0.detail.isEmpty ? "" : ": \($0.detail)"
            return Evidence.Reference(
                record: "posture \($0.check.rawValue)",
                about: "\($0.workload) (\($0.container))\(detail)")
        }
        if !findings.isEmpty {
            let names = Set(findings.map { "\($0.source)\n\($0.container)" }).count
            evidence.exceptions.append("\(names) of \(containers) deviate")
        }
        let incomplete = report.incompleteChecks.filter { check == nil || $0 == check }
        evidence.exceptions += incomplete.map { "not assessed everywhere: \($0.rawValue)" }.sorted()
        return evidence
    }
}

extension Evidence {
    /// Evidence by stored events or incidents, without a sentence.
    fileprivate init(_ kind: EvidenceKind, _ extract: StoredExtract, _ unit: String) {
        self.init(kind, "")
        count = extract.records.count
        (first, last) = (extract.records.first, extract.records.last)
        references = extract.latest.map {
            Reference(record: "\(unit) \($0.id)", about: $0.subject)
        }
    }
}
