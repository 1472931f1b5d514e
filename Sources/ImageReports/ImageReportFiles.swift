import SystemSupport
import TextFormats
public import Timestamps

/// Reads the reports of a configuration, and reads them again when they change.
public struct ImageReportFiles: Sendable {
    /// What was read from one file.
    public struct Notice: Sendable, Equatable {
        public var path: String
        /// What is in it, or why it is not used; one line.
        public var text: String
        public var isFailure = false
        /// Findings that cannot be read; the file's others are used.
        public var unreadableCount = 0
    }

    /// What one reading gave.
    public struct Outcome: Sendable {
        public var catalog: ImageCatalog
        /// In the order of the configuration; for a folder one of each file.
        public var notices: [Notice]

        public var failures: [Notice] { notices.filter(\.isFailure) }
        /// The files that are used, but not all of them could be read.
        public var incomplete: [Notice] { notices.filter { $0.unreadableCount > 0 } }
    }

    /// The most bytes of a report, which needs about seven times as much memory while it is read.
    static let mostBytes: Int64 = 32 << 20
    /// The most findings of all reports.
    static let mostFindings = 500_000

    private struct Basis: Equatable {
        var options: ImageReportOptions
        var versions: [String: InputFile.Version?]
    }

    /// What was read of a file, and its version then.
    private struct Content {
        var version: InputFile.Version?
        var reports: [ImageReport] = []
        var failure: String?

        var findingCount: Int { reports.reduce(0) { $0 + $1.findings.count } }
    }

    private var basis: Basis?
    private var contents: [String: Content] = [:]
    private var exploited = KnownExploited()
    private var scores = ExploitScores()

    public init() {}

    /// Whether there was something to read.
    public var isUsed: Bool { basis.map { !$0.options.paths.isEmpty } ?? false }

    /// Reads the files, if one of them or the options are others than at the last call.
    ///
    /// A file that cannot be used leaves what was read of it before in use.
    ///
    /// - Returns: nil where nothing has changed.
    public mutating func read(_ options: ImageReportOptions, now: Timestamp) -> Outcome? {
        var notices: [Notice] = []
        var (files, kept): ([String], Set<String>) = ([], [])
        for path in options.paths {
            do throws(IOError) {
                files += try paths(at: path).filter { !files.contains($0) }
            } catch {
                // Every file of the folder that was read before.
                let before = contents.keys.filter { $0.hasPrefix(path + "/") }.sorted()
                kept.formUnion(before)
                files += before.filter { !files.contains($0) }
                notices.append(Self.failure(path, error.reason, isKept: !before.isEmpty))
            }
        }
        var versions: [String: InputFile.Version?] = [:]
        for file in files + [options.knownExploited, options.epss].compactMap(\.self) {
            versions[file] = InputFile.version(file)
        }
        let next = Basis(options: options, versions: versions)
        guard next != basis else { return nil }
        basis = next
        let known = Set(files)
        contents = contents.filter { known.contains($0.key) }
        for file in files where !kept.contains(file) { notices.append(readReport(file, now)) }
        if let notice = readExploited(options.knownExploited) { notices.append(notice) }
        if let notice = readScores(options.epss, now) { notices.append(notice) }
        let reports = files.flatMap { contents[$0]?.reports ?? [] }
        return Outcome(
            catalog: ImageCatalog(reports, exploited: exploited, scores: scores),
            notices: notices)
    }

    private func paths(at path: String) throws(IOError) -> [String] {
        if let names = try InputFile.names(inFolder: path) { return names.map { "\(path)/\($0)" } }
        let wasFolder = contents.keys.contains { $0.hasPrefix(path + "/") }
        guard !wasFolder || InputFile.version(path) != nil else {
            throw .input(path: path, reason: "is gone")
        }
        return [path]
    }

    private static func failure(_ path: String, _ reason: String, isKept: Bool) -> Notice {
        let rest = isKept ? "; what was read before stays in use" : "; it is not used"
        return Notice(
            path: path, text: "\(path): \(reason)\(rest)".printable, isFailure: true)
    }

    // MARK: - Reports

    private mutating func readReport(_ path: String, _ now: Timestamp) -> Notice {
        let version = InputFile.version(path)
        var content = contents[path] ?? Content()
        if content.version != version || version == nil {
            content.version = version
            do throws(IOError) {
                let others = contents.reduce(0) { sum, item in
                    item.key == path ? sum : sum + item.value.findingCount
                }
                content.reports = try Self.reports(path, now, room: Self.mostFindings - others)
                content.failure = nil
            } catch {
                content.failure = error.reason
            }
            contents[path] = content
        }
        if let failure = content.failure {
            return Self.failure(path, failure, isKept: !content.reports.isEmpty)
        }
        let parts = content.reports.map { report in
            let bad = report.unreadableCount
            return "\(report.format.rawValue)"
                + (report.scanner == report.format.rawValue ? "" : " of \(report.scanner)")
                + ", \(report.name): \(report.findings.count) findings"
                + (bad > 0 ? ", \(bad) entries cannot be read" : "")
        }
        return Notice(
            path: path, text: "\(path): \(parts.joined(separator: "; "))".printable,
            unreadableCount: content.reports.reduce(0) { $0 + $1.unreadableCount })
    }

    private static func reports(
        _ path: String, _ now: Timestamp, room: Int
    ) throws(IOError) -> [ImageReport] {
        var file = try InputFile(path, limit: mostBytes)
        let bytes = try file.readToEnd()
        var reports: [ImageReport]
        do throws(ReportError) { reports = try ReportDocument.reports(bytes) } catch {
            throw .input(path: path, reason: error.reason)
        }
        guard reports.reduce(0, { $0 + $1.findings.count }) <= room else {
            throw .input(
                path: path, reason: "is beyond the \(mostFindings) findings of all reports")
        }
        for place in reports.indices {
            let written = Timestamp(second: file.modified)
            // A report of tomorrow would always be the newest.
            reports[place].created = min(reports[place].created ?? written, now)
        }
        return reports
    }

    // MARK: - Other lists

    private mutating func readExploited(_ path: String?) -> Notice? {
        guard let path else {
            exploited = KnownExploited()
            return nil
        }
        do throws(IOError) {
            let bytes = try InputFile.bytes(of: path, limit: KnownExploited.mostBytes)
            do throws(ReportError) { exploited = try KnownExploited(bytes) } catch {
                throw IOError.input(path: path, reason: error.reason)
            }
        } catch {
            return Self.failure(path, error.reason, isKept: !exploited.identifiers.isEmpty)
        }
        return Notice(
            path: path, text: "\(path): \(exploited.identifiers.count) exploited vulnerabilities")
    }

    private mutating func readScores(_ path: String?, _ now: Timestamp) -> Notice? {
        guard let path else {
            scores = ExploitScores()
            return nil
        }
        var wanted: Set<String> = []
        for report in contents.values.lazy.flatMap(\.reports) {
            for finding in report.findings { wanted.insert(finding.id) }
        }
        do throws(IOError) { scores = try ExploitScores(path, wanted: wanted) } catch {
            return Self.failure(path, error.reason, isKept: !scores.scores.isEmpty)
        }
        let age = scores.date.map { ", \(TimeSpan(max(now - $0, .zero))) old" }
        return Notice(
            path: path,
            text: "\(path): scores of \(scores.scores.count) of \(wanted.count) vulnerabilities, "
                + "\(scores.rowCount) in all\(age ?? "")")
    }
}
