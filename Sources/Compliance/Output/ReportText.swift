internal import TextFormats

extension ComplianceReport {
    /// The report for a terminal.
    public var text: String {
        var lines: [String] = []
        if !chainProblems.isEmpty {
            lines.append("THE AUDIT TRAIL WAS CHANGED: its records are no evidence")
            lines += chainProblems.map { "  \($0)" } + [""]
        }
        // Before all text of a standard.
        lines += [
            ReportSeal.line(head), "",
            "\(standard.title) \(standard.version): evidence of \(host)",
            "period  \(span)",
            "audit   \(headText)",
            "",
        ]
        lines += ControlState.allCases.map { "\(count($0)) \($0.rawValue)" }
        if !gaps.isEmpty {
            lines += ["", "not covered:"] + gaps.map { "  \(Self.text($0))" }
        }
        for finding in findings { lines += ["", ""] + Self.lines(finding) }
        lines += ["", "", Self.disclaimer]
        return ReportSeal.seal(lines.map { $0.printable + "\n" }.joined())
    }

    static func text(_ gap: Evidence.Gap) -> String {
        "\(Words.time(gap.from)) to \(Words.time(gap.to)): \(gap.reason)"
    }

    private static func lines(_ finding: Finding) -> [String] {
        var lines = [
            "\(finding.control.id)  \(finding.control.title)",
            "  \(finding.state.rawValue.uppercased())",
        ]
        for evidence in finding.evidence {
            lines.append("  \(evidence.kind.name): \(evidence.sentence)")
            if let first = evidence.first, let last = evidence.last {
                lines.append("    from \(Words.time(first)) to \(Words.time(last))")
            }
            lines += evidence.exceptions.map { "    exception: \($0)" }
            lines += evidence.gaps.map { "    gap: \(text($0))" }
            lines += evidence.references.map {
                "    \($0.record): \($0.about)" + ($0.hash.map { " [\($0.prefix(16))]" } ?? "")
            }
        }
        lines.append("  not shown: \(finding.control.cannot)")
        return lines
    }
}
