internal import Digests
internal import TextFormats
internal import Timestamps

/// OSCAL assessment results (NIST, version 1.2.1) as JSON.
///
/// Identifiers are made of the content, so the same records give the same bytes.
extension ComplianceReport {
    public var oscal: String { OSCALDocument(self).text }
}

private struct OSCALDocument {
    private static let oscalVersion = "1.2.1"
    private static let namespace = "urn:lazaret:oscal"

    private let report: ComplianceReport
    /// The digest of the report as text: another report has other identifiers.
    private let digest: String

    init(_ report: ComplianceReport) {
        self.report = report
        digest = ReportSeal.read(Array(report.text.utf8))?.stated ?? ""
    }

    var text: String {
        var body = JSONObject()
        body.put("uuid", identifier("report"))
        body.put("metadata", metadata)
        var plan = JSONObject()
        plan.put("href", "#\(identifier("plan"))")
        body.put("import-ap", plan)
        body.put("results", [result])
        var matter = JSONObject()
        matter.put("resources", resources)
        body.put("back-matter", matter)
        var root = JSONObject()
        root.put("assessment-results", body)
        return ReportSeal.seal(root.text + "\n")
    }

    /// An identifier of version 5 (RFC 9562) of this report and a name.
    private func identifier(_ name: String) -> String {
        UUIDv5.text("urn:lazaret:report:\(digest):\(name)")
    }

    // MARK: - Parts

    private var metadata: JSONObject {
        var object = JSONObject()
        // Before the title, so that no text of a standard comes before the digest.
        object.put("props", [Self.property("seal", ReportSeal.line(report.head))])
        let standard = "\(report.standard.title) \(report.standard.version)"
        object.put("title", Self.prose("\(standard): evidence of \(report.host)"))
        object.put("last-modified", UTC.rfc3339(report.period.upperBound))
        object.put("version", Version.text)
        object.put("oscal-version", Self.oscalVersion)
        return object
    }

    private var result: JSONObject {
        var object = JSONObject()
        object.put("uuid", identifier("result"))
        object.put("title", Self.prose("\(report.standard.title), \(report.span)"))
        object.put(
            "description",
            Self.prose(
                (report.chainProblems.isEmpty ? "" : "THE AUDIT TRAIL WAS CHANGED. ")
                    + ComplianceReport.disclaimer))
        object.put("start", UTC.rfc3339(report.period.lowerBound))
        object.put("end", UTC.rfc3339(report.period.upperBound))
        let notes =
            report.chainProblems + report.gaps.map { "not covered: \(ComplianceReport.text($0))" }
        if !notes.isEmpty { object.put("remarks", Self.prose(notes.joined(separator: "\n\n"))) }
        object.put("reviewed-controls", reviewed)
        let observations = report.findings.flatMap { finding in
            finding.evidence.map { observation($0, finding.control) }
        }
        if !observations.isEmpty { object.put("observations", observations) }
        let judged = report.findings.filter { $0.state != .cannotBeEvidenced }
        if !judged.isEmpty { object.put("findings", judged.map(object(of:))) }
        return object
    }

    /// The controls with evidence are included; those that no record can support are excluded, with
    /// the reason.
    private var reviewed: JSONObject {
        func identifiers(_ findings: [ComplianceReport.Finding]) -> [JSONObject] {
            findings.map { finding in
                var object = JSONObject()
                object.put("control-id", token(finding.control))
                return object
            }
        }
        let open = report.findings.filter { $0.state == .cannotBeEvidenced }
        let judged = report.findings.filter { $0.state != .cannotBeEvidenced }
        var selection = JSONObject()
        if !judged.isEmpty { selection.put("include-controls", identifiers(judged)) }
        if !open.isEmpty { selection.put("exclude-controls", identifiers(open)) }
        var object = JSONObject()
        object.put("control-selections", [selection])
        if !open.isEmpty {
            let reasons = open.map { "\($0.control.id) cannot be evidenced: \($0.control.cannot)" }
            object.put("remarks", Self.prose(reasons.joined(separator: "\n\n")))
        }
        return object
    }

    private func observation(
        _ evidence: Evidence, _ control: ComplianceStandard.Control
    ) -> JSONObject {
        var object = JSONObject()
        object.put("uuid", identifier("observation \(control.token) \(evidence.kind.name)"))
        object.put("title", Self.prose("\(control.id): \(evidence.kind.name)"))
        let lines =
            [evidence.sentence] + evidence.exceptions.map { "Exception: \($0)" }
            + evidence.gaps.map { "Gap: \(ComplianceReport.text($0))" }
        object.put("description", Self.prose(lines.joined(separator: "\n\n")))
        object.put("props", [Self.property("count", "\(evidence.count)")])
        object.put("methods", ["TEST-AUTOMATED"])
        if !evidence.references.isEmpty {
            object.put(
                "relevant-evidence",
                evidence.references.map { reference in
                    var object = JSONObject()
                    object.put("href", "#\(identifier("state"))")
                    let hash = reference.hash.map { ", hash \($0)" } ?? ""
                    object.put(
                        "description",
                        Self.prose("\(reference.record): \(reference.about)\(hash)"))
                    return object
                })
        }
        object.put("collected", UTC.rfc3339(report.period.upperBound))
        return object
    }

    private func object(of finding: ComplianceReport.Finding) -> JSONObject {
        let control = finding.control
        var status = JSONObject()
        status.put("state", finding.state == .supported ? "satisfied" : "not-satisfied")
        status.put("reason", finding.state == .supported ? "pass" : "other")
        status.put("remarks", Self.prose("Records: \(finding.state.rawValue)."))
        var target = JSONObject()
        target.put("type", "objective-id")
        target.put("target-id", token(control) + "_records")
        target.put("title", "Whether records of the monitor support the control")
        target.put("status", status)
        var object = JSONObject()
        object.put("uuid", identifier("finding \(control.token)"))
        object.put("title", Self.prose("\(control.id) \(control.title)"))
        object.put(
            "description",
            Self.prose("\(finding.state.rawValue). Not shown: \(control.cannot)"))
        object.put("target", target)
        object.put(
            "related-observations",
            finding.evidence.map { evidence in
                var object = JSONObject()
                object.put(
                    "observation-uuid",
                    identifier("observation \(control.token) \(evidence.kind.name)"))
                return object
            })
        return object
    }

    /// What `href` leads to.
    private var resources: [JSONObject] {
        func resource(_ name: String, _ title: String, _ description: String) -> JSONObject {
            var object = JSONObject()
            object.put("uuid", identifier(name))
            object.put("title", Self.prose(title))
            object.put("description", Self.prose(description))
            return object
        }
        let standard = report.standard
        return [
            resource(
                "plan", "Evidence that is looked for",
                "The standard's file \(standard.id): \(standard.title) \(standard.version), "
                    + standard.source),
            resource(
                "state", "State directory of the monitor on \(report.host)",
                "Audit trail up to \(report.headText)"),
        ]
    }

    // MARK: - Text

    /// The number of a control as a token that is unique among standards.
    private func token(_ control: ComplianceStandard.Control) -> String {
        "\(report.standard.id)_\(control.token)"
    }

    private static func property(_ name: String, _ value: String) -> JSONObject {
        var object = JSONObject()
        object.put("name", name)
        object.put("ns", namespace)
        object.put("value", value)
        return object
    }

    /// Text as Markdown, which OSCAL's prose is: nothing in it is markup.
    private static func prose(_ text: String) -> String {
        let marks: Set<Character> = ["\\", "<", ">", "[", "]", "`", "*", "&"]
        return text.split(separator: "\n").map(String.init).map(\.printable)
            .joined(separator: "\n\n")
            .reduce(into: "") { result, character in
                if marks.contains(character) { result.append("\\") }
                result.append(character)
            }
    }
}

/// Identifiers made of names (RFC 9562, 5.5).
enum UUIDv5 {
    /// The namespace of URLs, of RFC 9562.
    private static let urls: [UInt8] = [
        0x6B, 0xA7, 0xB8, 0x11, 0x9D, 0xAD, 0x11, 0xD1, 0x80, 0xB4, 0x00, 0xC0, 0x4F, 0xD4, 0x30,
        0xC8,
    ]

    static func text(_ name: String) -> String {
        var bytes = Array(SHA1.hash((urls + Array(name.utf8)).span).prefix(16))
        bytes[6] = bytes[6] & 0x0F | 0x50
        bytes[8] = bytes[8] & 0x3F | 0x80
        let digits = bytes.hexadecimal
        var parts: [Substring] = []
        var rest = digits[...]
        for length in [8, 4, 4, 4, 12] {
            parts.append(rest.prefix(length))
            rest = rest.dropFirst(length)
        }
        return parts.joined(separator: "-")
    }
}
