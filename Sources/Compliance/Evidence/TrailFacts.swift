internal import EventStore
internal import Quarantine
internal import TextFormats
internal import Timestamps

/// The audit trail up to the end of a period.
struct TrailFacts {
    /// The first record that is kept, and the last one before the end of the period.
    let first: AuditRecord?
    let head: AuditRecord?
    private let extract: AuditExtract
    private let check: AuditReport

    init(_ store: EventStore, in period: Range<Timestamp>) throws(EventStoreError) {
        check = try store.verifyAudit()
        (first, head) = try store.auditEnds(before: period.upperBound)
        extract = try store.audit(.all, in: period, limit: Evidence.referenceLimit)
    }

    /// What is wrong with the hash chain, from its first record to its last.
    var problems: [String] { check.problems.map { "hash chain: \($0)" } }

    /// The first part of the period, if the trail begins later.
    func gap(in period: Range<Timestamp>) -> Evidence.Gap? {
        guard let first, first.entry.time > period.lowerBound else { return nil }
        let start = min(first.entry.time, period.upperBound)
        let reason =
            first.number == 1
            ? "the audit trail begins later"
            : "records before \(first.number) were pruned"
        return Evidence.Gap(from: period.lowerBound, to: start, reason: reason)
    }

    func evidence(in period: Range<Timestamp>) -> Evidence {
        var evidence = Evidence(.auditChain, extract)
        guard let first, let head, evidence.isPresent else { return evidence }
        evidence.sentence =
            problems.isEmpty
            ? "the hash chain of records \(first.number) to \(head.number) is whole"
            : "the hash chain is broken"
        return evidence
    }
}

extension Evidence {
    /// Evidence by records of the audit trail, without a sentence.
    init(_ kind: EvidenceKind, _ extract: AuditExtract) {
        self.init(kind, "")
        count = extract.records.count
        (first, last) = (extract.records.first, extract.records.last)
        references = extract.latest.map { record in
            let entry = record.entry
            return Reference(
                record: "audit \(record.number)",
                about: "\(entry.actor), \(entry.action), \(entry.subject), "
                    + UTC.moment(entry.time),
                hash: record.hash)
        }
    }
}
