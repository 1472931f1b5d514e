internal import HTMLReport
internal import TextFormats

extension ComplianceReport {
    /// The report as one HTML file, which loads nothing and can be printed.
    public var html: String {
        let cases: [HTML] = ControlState.allCases.map {
            "<div><dt>\($0.rawValue)</dt><dd>\(count($0))</dd></div>"
        }
        let body: HTML = """
            <header>
            \(brokenChain)
            <h1>\(standard.title) \(standard.version)</h1>
            <p class="muted">Evidence of \(host), \(span)</p>
            </header>
            <main id="main">
            <section id="summary">
            <h2>Summary</h2>
            <dl class="tiles">\(cases)</dl>
            <p>\(Self.disclaimer)</p>
            \(gapList)
            </section>
            \(index)
            \(findings.map(Self.section))
            <section id="origin">
            <h2>Origin</h2>
            <dl class="facts">
            <dt>Standard</dt><dd>\(standard.id), \(standard.source)</dd>
            <dt>Head of the audit trail</dt><dd>\(headText)</dd>
            <dt>Check</dt><dd><code>lazaret report verify FILE --state DIR</code></dd>
            </dl>
            </section>
            </main>
            <footer><p>Made by Lazaret \(Version.text). Times are UTC. The end of the period is \
            not part of it. The file loads nothing.</p></footer>
            """
        let page = HTMLTheme.page(
            // No text of a standard stands before the digest.
            title: "Lazaret: evidence for \(standard.id)",
            style: String(decoding: PackageResources.compliance_css, as: UTF8.self),
            body: "<p class=\"seal small muted\">\(ReportSeal.line(head))</p>\(body)")
        return ReportSeal.seal(page)
    }

    private var brokenChain: HTML {
        guard !chainProblems.isEmpty else { return "" }
        let items: [HTML] = chainProblems.map { "<li>\($0)</li>" }
        return """
            <section class="broken"><h2>The audit trail was changed: its records are no \
            evidence</h2><ul>\(items)</ul></section>
            """
    }

    private var gapList: HTML {
        guard !gaps.isEmpty else { return "" }
        let items: [HTML] = gaps.map { "<li>\(Self.text($0))</li>" }
        return "<h3>Not covered</h3><ul>\(items)</ul>"
    }

    private var index: HTML {
        let rows: [HTML] = findings.map { finding in
            let control = finding.control
            return """
                <tr><th scope="row"><a href="#c-\(control.token)">\(control.id)</a></th>\
                <td>\(control.title)</td><td>\(Self.tag(finding.state))</td></tr>
                """
        }
        return """
            <section id="controls">
            <h2>Controls</h2>
            <div class="scroll"><table>
            <thead><tr><th>Control</th><th>Title</th><th>State</th></tr></thead>
            <tbody>\(rows)</tbody>
            </table></div>
            </section>
            """
    }

    private static func tag(_ state: ControlState) -> HTML {
        let style =
            switch state {
            case .supported: "whole"
            case .partlySupported: "seen"
            case .notSupported: "fence"
            case .cannotBeEvidenced: "muted"
            }
        return "<span class=\"tag \(style)\">\(state.rawValue)</span>"
    }

    private static func section(_ finding: Finding) -> HTML {
        let control = finding.control
        return """
            <section class="control" id="c-\(control.token)">
            <h2>\(control.id) \(control.title)</h2>
            <p>\(tag(finding.state))</p>
            \(finding.evidence.map(part))
            <p><strong>Not shown:</strong> \(control.cannot)</p>
            </section>
            """
    }

    private static func part(_ evidence: Evidence) -> HTML {
        var items: [HTML] = evidence.exceptions.map {
            "<li class=\"seen\">Exception: \($0)</li>"
        }
        items += evidence.gaps.map { "<li class=\"seen\">Gap: \(text($0))</li>" }
        items += evidence.references.map { reference in
            let hash: HTML = reference.hash.map { " <code>\($0)</code>" } ?? ""
            return "<li>\(reference.record): \(reference.about)\(hash)</li>"
        }
        var span = ""
        if let first = evidence.first, let last = evidence.last {
            span = "\(Words.time(first)) to \(Words.time(last))"
        }
        return """
            <div class="keep"><h3>\(evidence.kind.name)</h3>
            <p>\(evidence.sentence)</p>
            <p class="small muted">\(span)</p>
            <ul class="small">\(items)</ul></div>
            """
    }
}
