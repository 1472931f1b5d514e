import HTMLReport
import Offline
import TextFormats

/// Formats that services for continuous integration read.
extension CheckReport {
    // MARK: - JUnit

    /// A test case for each kind of finding, which fails if there are some.
    var junit: String {
        let kinds = BaselineCheck.Kind.allCases.map { kind in
            (kind: kind, findings: outcome.findings.filter { $0.kind == kind })
        }
        let failed = kinds.count { !$0.findings.isEmpty }
        let counts = "tests=\"\(kinds.count)\" failures=\"\(failed)\""
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
        text += "<testsuites name=\"lazaret check\" \(counts)>\n"
        text += "  <testsuite name=\"model \(modelID)\" \(counts) errors=\"0\">\n"
        for (kind, findings) in kinds {
            text += "    <testcase classname=\"lazaret.check\" name=\"no \(kind.rawValue)\""
            guard !findings.isEmpty else {
                text += "/>\n"
                continue
            }
            let lines = findings.map { HTML.escaped(line($0)) + "\n" }.joined()
            text += ">\n      <failure type=\"\(kind.rawValue)\" message=\"\(findings.count) new\">"
            text += lines + "</failure>\n    </testcase>\n"
        }
        return text + "  </testsuite>\n</testsuites>\n"
    }

    private func line(_ finding: BaselineCheck.Finding) -> String {
        (finding.count.isEmpty ? finding.what : "\(finding.what): \(finding.count)").printable
    }

    // MARK: - SARIF

    /// Each result is about the model, or the file that stands for it.
    func sarif(location: String) -> String {
        let kinds = BaselineCheck.Kind.allCases
        return SARIFLog(
            run: "lazaret/check/",
            rules: kinds.map { kind in
                SARIFLog.Rule(
                    id: kind.rawValue, title: "New \(kind.word)", meaning: kind.meaning,
                    help: "If it is intended, accept it with 'lazaret model approve' and commit "
                        + "the model.", severity: kind.severity)
            },
            results: outcome.findings.map { finding in
                SARIFLog.Result(
                    rule: kinds.firstIndex(of: finding.kind) ?? 0, text: line(finding),
                    location: location, key: finding.key)
            }
        ).text
    }
}

extension BaselineCheck.Kind {
    /// As GitHub and GitLab rank it, from 0 to 10.
    fileprivate var severity: String {
        switch self {
        case .contact, .port, .address: "6.5"
        case .name: "5.0"
        case .volume: "4.0"
        }
    }

    fileprivate var meaning: String {
        switch self {
        case .contact: "A workload opens flows to a peer that it never contacted in the baseline."
        case .port: "A workload opens flows to a service that it never used at this peer."
        case .address:
            "A workload opens flows to an outside address that is not in the baseline, with a "
                + "service that it uses at others."
        case .name: "A workload asks for a DNS name that is not in the baseline."
        case .volume: "A workload has more traffic in a minute than in any of the baseline."
        }
    }
}
