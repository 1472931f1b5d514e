import NetworkAddresses
public import RuntimeEventFiles
import RuntimeEvents
public import SystemSupport
import Timestamps
import Workloads

/// Runtime events of the time of a capture, from files of Falco, Tetragon and auditd.
public struct RecordedRuntimeEvents: Sendable {
    private var events: [(file: String, event: ReportedEvent)] = []
    /// What was read of each file.
    public private(set) var counts: [(file: String, counts: RuntimeEventCounts)] = []

    /// The most events.
    public static let most = 1_000_000
    private static let mostBytes: Int64 = 512 << 20

    /// - Throws: `.input` for a file that cannot be read, is too large, or has no line that is an
    ///   event.
    public init(files: [String], rules: RuntimeEventRules = RuntimeEventRules()) throws(IOError) {
        for file in files {
            var reader = RuntimeEventReader(rules)
            // A pipe would make the call wait for a writer; a file may change while it is read.
            var input = try InputFile(file, limit: Self.mostBytes)
            let bytes = try input.readToEnd()
            let found = reader.read(text: bytes[...]) + reader.finish()
            let read = reader.counts
            guard read.lines == 0 || read.events + read.below > 0 else {
                throw .input(
                    path: file,
                    reason: "has no event of Falco (json_output), Tetragon or auditd in "
                        + "\(read.lines) lines")
            }
            events += found.map { (file, $0) }
            counts.append((file, read))
            guard events.count <= Self.most else {
                throw .input(path: file, reason: "more than \(Self.most) runtime events")
            }
        }
        events.sort { ($0.event.event.time, $0.file) < ($1.event.event.time, $1.file) }
    }

    // MARK: - In the replay

    private var next = 0
    private(set) var joined = 0
    private(set) var unknown = 0
    private(set) var ambiguous = 0

    /// The next event up to a second; nil: there is none.
    mutating func take(until second: Int) -> (file: String, event: ReportedEvent)? {
        guard next < events.count, events[next].event.event.time.second <= second else {
            return nil
        }
        next += 1
        return events[next - 1]
    }

    /// The workload of an event.
    mutating func workload(of event: ReportedEvent, in index: ContainerIndex) -> String? {
        switch index.workload(of: event, hasIdentifiers: false) {
        case .workload(let name):
            joined += 1
            return name
        case .unknown: unknown += 1
        case .ambiguous: ambiguous += 1
        }
        return nil
    }

    /// One line on what became of them.
    var summary: String {
        func sum(_ count: KeyPath<RuntimeEventCounts, UInt64>) -> UInt64 {
            counts.reduce(0) { $0 + $1.counts[keyPath: count] }
        }
        let parts: [(UInt64, String)] = [
            (UInt64(unknown), "of no known workload"), (UInt64(ambiguous), "of several"),
            (sum(\.below), "below the least priority"), (sum(\.malformed), "malformed lines"),
            (sum(\.oversized), "lines that are too long or nested too deep"),
            (sum(\.foreign), "lines of other kinds"),
        ]
        return "runtime events: \(joined) joined to workloads"
            + parts.filter { $0.0 > 0 }.map { ", \($0.0) \($0.1)" }.joined()
    }
}

extension RecordedWorkloads {
    /// The containers by their names, and by the identifiers in notes of the captures.
    var index: ContainerIndex {
        let named = inventory.workloads.map {
            ContainerIndex.Entry(id: "", name: $0.name, workload: $0.name)
        }
        let recorded = instances.map {
            ContainerIndex.Entry(
                id: $0.id.split(separator: " ").last.map(String.init) ?? "", name: "",
                workload: $0.workload)
        }
        return ContainerIndex(named + recorded)
    }
}
