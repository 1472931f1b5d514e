import ImageReports
import TextFormats
import Timestamps
import Workloads

/// The report of `lazaret images`.
struct ImagesText {
    /// One image of one workload.
    struct Row {
        var running: RunningImage
        var containers = 1
        /// Nil: no report is about the image.
        var answer: ImageCatalog.Answer?
        var summary: ImageSummary

        var name: String { running.reference.isEmpty ? summary.imageID : running.reference }
    }

    private var rows: [Row] = []
    private let now: Timestamp
    private let maximumAge: Interval

    /// - Parameter least: findings below are left out.
    init(
        _ running: [RunningImage], _ catalog: ImageCatalog, now: Timestamp, maximumAge: Interval,
        least: VulnerabilitySeverity
    ) {
        self.now = now
        self.maximumAge = maximumAge
        for one in running.sorted(by: Self.isBefore) {
            if let last = rows.last, last.running.workload == one.workload,
                last.running.identity == one.identity
            {
                rows[rows.count - 1].containers += 1
                continue
            }
            var answer = catalog.answer(one.identity)
            answer?.findings.removeAll { $0.severity < least }
            var summary = ImageSummary(one)
            summary.add(answer)
            rows.append(Row(running: one, answer: answer, summary: summary))
        }
    }

    private static func isBefore(_ one: RunningImage, _ other: RunningImage) -> Bool {
        // Containers of the same image are one row.
        func digest(_ image: RunningImage) -> String { image.identity.digests.min() ?? "" }
        return (one.workload, one.reference, digest(one), one.container)
            < (other.workload, other.reference, digest(other), other.container)
    }

    /// Keeps the images of a workload, and those whose name or digest contains a text.
    mutating func select(workload: String?, image: String?) {
        rows.removeAll { row in
            if let workload, row.running.workload != workload { return true }
            guard let image else { return false }
            let digest = image.hasPrefix("sha256:") ? String(image.dropFirst(7)) : image
            return !row.running.reference.contains(image)
                && !row.running.identity.digests.contains { $0.hasPrefix(digest) }
        }
    }

    var hasFindings: Bool { rows.contains { $0.answer?.findings.isEmpty == false } }

    // MARK: - Text

    private static let shown: [VulnerabilitySeverity] = [.critical, .high, .medium, .low, .unknown]

    /// One line of each image, and the totals.
    var table: String {
        let head =
            ["WORKLOAD", "IMAGE"] + Self.shown.map { $0.rawValue.uppercased() }
            + ["FIXABLE", "EXPLOITED", "EPSS", "REPORT"]
        let lines = rows.map { row in
            let summary = row.summary
            let isKnown = row.answer != nil
            func number(_ value: Int) -> String { isKnown ? "\(value)" : "-" }
            let name = row.containers > 1 ? "\(row.name) (\(row.containers) containers)" : row.name
            return [row.running.workload.printable, name.printable]
                + Self.shown.map { number(summary[$0]) }
                + [
                    number(summary.fixableCount), number(summary.knownExploited.count),
                    summary.highestEPSS.map(Self.percent) ?? "-", state(of: row),
                ]
        }
        let without = rows.count { $0.answer == nil }
        return TextTable.text(head, lines)
            + "\n\(Self.count(rows.count, "image")), \(without) without a report.\n"
    }

    /// The findings of each image, what is exploited and can be mended first.
    var list: String {
        if rows.isEmpty { return "no running image is meant\n" }
        return rows.map { row in
            let head = "\(row.running.workload) (\(row.name)): \(state(of: row))"
            guard let answer = row.answer else { return head.printable + "\n" }
            let lines = answer.findings.map { finding in
                let facts = [
                    finding.isExploited ? "known to be exploited" : nil,
                    finding.epss.map { "EPSS \(Self.percent($0))" },
                    finding.alias.isEmpty ? nil : finding.alias,
                    finding.scanners.joined(separator: " and "),
                ].compactMap(\.self).joined(separator: ", ")
                return "  \(finding.severity.rawValue.uppercased())  \(finding.id)  "
                    + "\(finding.package) \(finding.version)  (\(facts))   mend: \(finding.mend)"
            }
            return ([head] + lines).map(\.printable).joined(separator: "\n") + "\n"
        }.joined(separator: "\n")
    }

    /// Which report is about an image, and how old it is.
    private func state(of row: Row) -> String {
        guard let answer = row.answer else { return "no report" }
        let age = max(now - answer.scanned, .zero)
        var text = answer.scanners.joined(separator: " and ") + ", \(Self.age(age)) old"
        if age > maximumAge { text += ": older than \(TimeSpan(maximumAge))" }
        if answer.join == .weak { text += "; weak (by tag)" }
        if answer.excludedCount > 0 { text += "; \(answer.excludedCount) left out by VEX" }
        return text
    }

    private static func percent(_ value: Float) -> String {
        let tenths = Int((value * 1000).rounded())
        return "\(tenths / 10).\(tenths % 10) %"
    }

    private static func age(_ age: Interval) -> String {
        let seconds = Int64(age.wholeSeconds)
        let unit: Int64 = seconds >= 86_400 ? 86_400 : seconds >= 3600 ? 3600 : 60
        return "\(TimeSpan(seconds: seconds / unit * unit))"
    }

    private static func count(_ number: Int, _ word: String) -> String {
        "\(number) \(word)\(number == 1 ? "" : "s")"
    }

    // MARK: - JSON

    func json(withFindings: Bool) -> String {
        var object = JSONObject()
        object.put(
            "images",
            rows.map { row in
                var image = row.summary.object(workload: row.running.workload, at: now)
                image.put("containers", row.containers)
                guard let answer = row.answer else { return image }
                image.put("scanners", answer.scanners)
                image.put("left_out", answer.excludedCount)
                image.put("is_old", max(now - answer.scanned, .zero) > maximumAge)
                if withFindings { image.put("findings", answer.findings.map(Self.object)) }
                return image
            })
        return object.text
    }

    private static func object(_ finding: ImageFinding) -> JSONObject {
        var object = JSONObject()
        object.put("id", finding.id)
        object.put("alias", finding.alias.isEmpty ? nil : finding.alias)
        object.put("severity", finding.severity.rawValue)
        object.put("package", finding.package)
        object.put("version", finding.version)
        object.put("fixed_version", finding.isFixable ? finding.fixedVersion : nil)
        object.put("known_exploited", finding.isExploited)
        object.put("epss", finding.epss.map(Double.init), digits: 5)
        object.put("scanners", finding.scanners)
        object.put("mend", finding.mend)
        return object
    }
}
