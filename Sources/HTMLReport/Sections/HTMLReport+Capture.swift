internal import AnomalyDetection
import AnomalyModel
internal import FeatureExtraction
internal import TextFormats

extension HTMLReport {
    /// The statistics of the capture, and what could not be read.
    var captureSection: HTML {
        let tables: [HTML] = counters.map { table($0.title, $0.rows) }
        let bad = malformed.filter { $0.count > 0 }
        let badTable: HTML =
            bad.isEmpty
            ? "<p>Every frame could be decoded.</p>"
            : table("Frames that could not be decoded, by what was wrong", bad)
        return """
            <section id="capture" aria-labelledby="capture-title">
            <h2 id="capture-title">Capture</h2>
            <p class="muted small">What was lost before the capture was written is not known from \
            its files.</p>
            <div class="columns">\(tables)</div>
            \(badTable)
            </section>
            """
    }

    private func table(_ title: String, _ rows: [(name: String, count: UInt64)]) -> HTML {
        let body: [HTML] = rows.map {
            """
            <tr><th scope="row">\($0.name)</th><td class="n">\(HTML.grouped($0.count))</td></tr>\n
            """
        }
        return """
            <table><caption>\(title)</caption>
            <thead class="hidden"><tr><th scope="col">Counter</th><th \
            scope="col">Count</th></tr></thead>
            <tbody>\(body)</tbody></table>
            """
    }

    /// The files and the command that reproduce the report.
    var reproductionSection: HTML {
        let rows: [HTML] = files.map { file in
            """
            <tr><th scope="row">\(file.role)</th><td>\(file.name)</td><td \
            class="n">\(HTML.grouped(file.byteCount))</td>\
            <td><code>\(file.digest)</code></td></tr>

            """
        }
        let identifier: HTML =
            model.map { "<dt>Model</dt><dd><code>\($0.identifier)</code></dd>" } ?? ""
        return """
            <section id="reproduce" aria-labelledby="reproduce-title">
            <h2 id="reproduce-title">Reproduce</h2>
            <p>The same files and the same version give this report again, byte for byte:</p>
            <pre><code>\(command)</code></pre>
            <dl class="facts"><dt>Version</dt><dd>Lazaret \(version)</dd>\(identifier)</dl>
            <table><caption>Files that were read</caption>
            <thead><tr><th scope="col">Used as</th><th scope="col">Name</th><th scope="col" \
            class="n">Bytes</th><th scope="col">SHA-256</th></tr></thead>
            <tbody>\(rows)</tbody></table>
            </section>
            """
    }
}
