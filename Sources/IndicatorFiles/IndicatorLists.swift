public import Indicators
public import NetworkAddresses
import SystemSupport
import Timestamps

/// Reads the lists of a configuration, and reads them again when they change.
public struct IndicatorLists: Sendable {
    /// What one reading gave.
    public struct Outcome: Sendable {
        public var table: IndicatorTable
        /// In the order of the configuration; for a folder one of each file.
        public var reports: [ListReport]

        /// The lists that could not be used.
        public var failures: [ListReport] { reports.filter { $0.failure != nil } }
    }

    /// What the table in use was made of.
    private struct Basis: Equatable {
        var entries: [IndicatorEntry]
        var exempt: [IPPrefix]
        var versions: [String: InputFile.Version?]
    }

    private var basis: Basis?
    private var table: IndicatorTable?
    private var generation: UInt8 = 0
    private let key: UInt64

    /// - Parameter key: of the names' hash; random, except in tests.
    public init(key: UInt64 = .random(in: 1...UInt64.max)) { self.key = key }

    /// Whether there was something to read.
    public var hasTable: Bool { table != nil }

    /// Reads the lists, if a file, an entry or an exempt address is another than at the last call.
    ///
    /// A file that cannot be used leaves what was read of it before in use.
    ///
    /// - Parameter exempt: addresses that are never indicators.
    /// - Returns: nil where nothing has changed.
    public mutating func read(_ entries: [IndicatorEntry], exempt: [IPPrefix]) -> Outcome? {
        let places = entries.map { (entry: $0, files: Self.files(of: $0)) }
        var versions: [String: InputFile.Version?] = [:]
        for place in places {
            for file in (try? place.files.get()) ?? [] {
                versions[file.path] = InputFile.version(file.path)
            }
        }
        // Private addresses are refused in any case: containers come and go without a new table.
        let exempt = exempt.filter { !$0.hasSpecialAddress || $0.isWide }
        let next = Basis(entries: entries, exempt: exempt, versions: versions)
        guard next != basis else { return nil }
        basis = next
        generation &+= 1
        let outcome = read(places, exempt)
        table = outcome.table
        return outcome
    }

    // MARK: - Reading

    private typealias File = (name: String, path: String)
    private typealias Place = (entry: IndicatorEntry, files: Result<[File], IOError>)

    private func read(_ places: [Place], _ exempt: [IPPrefix]) -> Outcome {
        var broken: [String: String] = [:]
        while true {
            let before = broken.count
            var builder = IndicatorTableBuilder(
                exempt: exempt, generation: generation, key: key)
            var reports: [ListReport] = []
            for (entry, files) in places {
                do throws(IOError) {
                    for file in try files.get() {
                        reports.append(read(file, entry, &broken, &builder))
                    }
                } catch {
                    var report = ListReport(name: entry.name, path: entry.path)
                    report.failure = error.reason
                    // Every file of the folder that was read before.
                    for source in table?.sources ?? [] where source.name.hasPrefix(entry.name + "/")
                    {
                        report.isKept = keep(source.name, source, &builder) || report.isKept
                    }
                    reports.append(report)
                }
            }
            // What was added of a file that turned out to be unusable is not used: once more,
            // without it.
            if broken.count > before { continue }
            return Outcome(table: builder.build(), reports: reports)
        }
    }

    private func read(
        _ file: File, _ entry: IndicatorEntry, _ broken: inout [String: String],
        _ builder: inout IndicatorTableBuilder
    ) -> ListReport {
        var report = ListReport(name: file.name, path: file.path)
        let source = ListSource(
            name: file.name, path: file.path, maximumAge: entry.maximumAge.wholeSeconds)
        if let reason = broken[file.path] {
            report.failure = reason
            report.isKept = keep(file.name, source, &builder)
            return report
        }
        do throws(IOError) {
            let open = try InputFile(file.path, limit: ListReader.mostBytes)
            guard let number = builder.add(source) else {
                throw .input(path: file.path, reason: "is one list too many")
            }
            var reader = ListReader(
                report, file: open, source: number, confidence: entry.confidence)
            try reader.read(into: &builder)
            report = reader.report
            if report.format != IndicatorDocument.stix, report.format != IndicatorDocument.misp {
                report.modified = Timestamp(second: Int64(reader.modified))
                report.maximumAge = entry.maximumAge
            }
        } catch {
            broken[file.path] = error.reason
            report.failure = error.reason
        }
        return report
    }

    /// Takes over what was read before of a list.
    ///
    /// - Returns: whether there is something.
    private func keep(
        _ name: String, _ source: ListSource, _ builder: inout IndicatorTableBuilder
    ) -> Bool {
        guard let table, let old = table.sources.firstIndex(where: { $0.name == name }),
            let number = builder.add(source)
        else { return false }
        builder.keep(UInt16(old), as: number, from: table)
        return true
    }

    // MARK: - Files

    /// The files of an entry: its own, or those of its folder by name.
    private static func files(of entry: IndicatorEntry) -> Result<[File], IOError> {
        do throws(IOError) { return .success(try names(of: entry)) } catch {
            return .failure(error)
        }
    }

    private static func names(of entry: IndicatorEntry) throws(IOError) -> [File] {
        guard let names = try InputFile.names(inFolder: entry.path) else {
            return [(entry.name, entry.path)]
        }
        // The directory of a MISP feed is no list.
        return names.filter { $0 != "manifest.json" && $0 != "hashes.csv" }
            .map { ("\(entry.name)/\($0)", "\(entry.path)/\($0)") }
    }
}
