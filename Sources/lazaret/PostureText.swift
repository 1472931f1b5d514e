import Posture
import TextFormats

/// The report of `lazaret posture`.
struct PostureText {
    var report: PostureReport
    var findings: [PostureFinding]

    init(report: PostureReport, least: PostureCheck.Severity) {
        self.report = report
        findings = report.findings.filter { $0.severity >= least }
    }

    /// One block for each check, the worst first: whom it concerns, and the line that mends it.
    var table: String {
        var text = ""
        var last: PostureFinding?
        for finding in findings {
            if finding.check != last?.check || finding.severity != last?.severity {
                if last != nil { text += "\n" }
                text += "\(finding.severity.rawValue.uppercased())  \(finding.check.title): "
                text += "\(finding.check.reason)\n"
                if !finding.check.references.isEmpty {
                    text += "  [" + finding.check.references.joined(separator: "; ") + "]\n"
                }
            }
            let detail = finding.detail.isEmpty ? "" : ": \(finding.detail)"
            let line =
                "  \(finding.workload) (\(finding.container))\(detail)   mend: \(finding.mend)"
            text += line.printable + "\n"
            last = finding
        }
        if last != nil { text += "\n" }
        let counts = PostureCheck.Severity.allCases.reversed().map { severity in
            "\(findings.count { $0.severity == severity }) \(severity.rawValue)"
        }.joined(separator: ", ")
        let unit = report.containerCount == 1 ? "container" : "containers"
        return text + "\(report.containerCount) \(unit): \(counts).\n"
    }

    // MARK: - JSON

    var json: String {
        var object = JSONObject()
        object.put("containers", report.containerCount)
        object.put("findings", findings.map(Self.object))
        object.put("remarks", report.remarks)
        return object.text
    }

    private static func object(_ finding: PostureFinding) -> JSONObject {
        var object = JSONObject()
        object.put("check", finding.check.rawValue)
        object.put("severity", finding.severity.rawValue)
        object.put("workload", finding.workload)
        object.put("container", finding.container)
        object.put("source", finding.source)
        object.put("title", finding.check.title)
        object.put("detail", finding.detail)
        object.put("reason", finding.check.reason)
        object.put("mend", finding.mend)
        object.put("references", finding.check.references)
        return object
    }
}

// MARK: - SARIF

extension PostureText {
    /// Each result is about the file that it was read from; what runs here has none, so the engine
    /// or cluster stands for it.
    var sarif: String {
        let checks = PostureCheck.allCases
        return SARIFLog(
            run: "lazaret/posture/",
            rules: checks.map { check in
                SARIFLog.Rule(
                    id: check.rawValue, title: check.title.capitalizedFirst,
                    meaning: ([check.reason.capitalizedFirst + "."] + check.references)
                        .joined(separator: " "),
                    help: "See 'lazaret posture' for the line of configuration that mends it.",
                    severity: check.severity.score)
            },
            results: findings.map { finding in
                let detail = finding.detail.isEmpty ? "" : ": \(finding.detail)"
                let text =
                    "\(finding.workload) (\(finding.container)), \(finding.check.title)"
                    + "\(detail). Mend: \(finding.mend)"
                return SARIFLog.Result(
                    rule: checks.firstIndex(of: finding.check) ?? 0, text: text.printable,
                    location: finding.source, level: finding.severity.level,
                    key: [finding.check.rawValue, finding.workload, finding.detail])
            }
        ).text
    }
}

extension PostureCheck.Severity {
    fileprivate var level: SARIFLog.Level {
        switch self {
        case .low: .note
        case .medium: .warning
        case .high, .critical: .error
        }
    }

    fileprivate var score: String {
        switch self {
        case .low: "3.0"
        case .medium: "5.0"
        case .high: "7.5"
        case .critical: "9.5"
        }
    }
}

extension String {
    fileprivate var capitalizedFirst: String { prefix(1).uppercased() + dropFirst() }
}
