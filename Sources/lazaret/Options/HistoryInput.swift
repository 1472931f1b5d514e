import ArgumentParser
import ControlServer
import FlowExport
import FlowHistory
import Monitor
import Settings
import SystemSupport
import TextFormats
import Timestamps

/// Queries of the flow history, for `lazaret flows` without packets.
struct HistoryInput: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Flows that were active at this time (UTC) or later: '2026-11-26 15:00', \
            'yesterday 15:00', 15:00, or 2h for two hours ago.
            """,
            valueName: "time"))
    var from: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Flows that had begun at this time or earlier.", valueName: "time"))
    var to: String?

    @Option(help: ArgumentHelp("One end: a workload, an address or a prefix.", valueName: "end"))
    var workload: String?

    @Option(help: ArgumentHelp("The other end.", valueName: "end"))
    var peer: String?

    @Option(help: ArgumentHelp("The responder's port: 443, tcp/443 or udp/53.", valueName: "port"))
    var port: String?

    @Option(
        name: [.customShort("n"), .customLong("last")], parsing: .unconditional,
        help: "Most flows, the latest ones; 1 to 1000000. (default: 1000)")
    var last: Int?

    @Option(
        help: ArgumentHelp(
            "Read the history in this state directory, without the monitor.", valueName: "dir"))
    var state: String?

    @OptionGroup var control: ControlInput

    /// Whether any option is given.
    var isGiven: Bool {
        [from, to, workload, peer, port, state, control.socket, control.file.path].contains {
            $0 != nil
        } || last != nil
    }

    private static let mostRows = 1_000_000
    private static let rowsOfPage = 1000

    func query() throws -> FlowQuery {
        let now = Clock.now()
        var query = FlowQuery()
        query.from = try from.map { try Self.time($0, "--from", now) }
        query.to = try to.map { try Self.time($0, "--to", now) }
        if let from = query.from, let to = query.to, to < from {
            throw ValidationError("--to is before --from")
        }
        query.workload = try workload.map { try Self.host($0, "--workload") }
        query.peer = try peer.map { try Self.host($0, "--peer") }
        query.port = try port.map { text in
            guard let port = FlowQuery.Port(text) else {
                throw ValidationError("--port '\(text)': give a port such as 443 or udp/53")
            }
            return port
        }
        guard (1...Self.mostRows).contains(last ?? 1) else {
            throw ValidationError("-n must be 1 to \(Self.mostRows)")
        }
        return query
    }

    private static func host(_ text: String, _ option: String) throws -> FlowQuery.Host {
        guard !text.isEmpty, text.unicodeScalars.count <= 253, let host = FlowQuery.Host(text)
        else {
            throw ValidationError("\(option): name a workload, an address or a prefix")
        }
        return host
    }

    private static func time(_ text: String, _ option: String, _ now: Timestamp) throws -> Timestamp
    {
        guard let time = HistoryTime.parse(text, now: now) else {
            throw ValidationError(
                "\(option) '\(text)': give a time in UTC such as '2026-11-26 15:00', "
                    + "'yesterday 15:00' or 15:00, or 2h for two hours ago")
        }
        return time
    }

    /// Writes the flows, the earliest first.
    func run(_ format: FlowFormat, to output: String?) async throws {
        let query = try query()
        do { try await write(query, format, to: output) } catch {
            guard !isGiven, case .some(.missing) = error as? HistoryError else { throw error }
            throw IOError.input(
                path: "flows", reason: "name packets with -r or -i; \(error)")
        }
    }

    private func write(
        _ query: FlowQuery, _ format: FlowFormat, to output: String?
    ) async throws {
        let limit = last ?? 1000
        let source = try HistorySource(control, state: state)
        var rows: [FlowPage.Row] = []
        var before: Int64?
        var damaged: Int64 = 0
        repeat {
            let page = try await source.page(
                query, before: before, limit: min(Self.rowsOfPage, limit - rows.count))
            rows += page.rows
            damaged += page.damaged
            before = page.before
        } while before != nil && rows.count < limit
        rows.reverse()
        let text =
            switch format {
            case .json: rows.map { $0.json + "\n" }.joined()
            case .eve: rows.map { $0.eve + "\n" }.joined()
            case .csv: FlowRowsText.csvHead + rows.map(FlowRowsText.csv).joined()
            default: rows.isEmpty ? "no such flows\n" : FlowRowsText.table(rows)
            }
        try Output.write(text, to: output)
        if before != nil {
            Output.warn("only the latest \(rows.count) flows; -n \(limit * 10) shows more")
        }
        if damaged > 0 {
            Output.warn("\(damaged) flows cannot be read: the history is damaged there")
        }
    }
}

/// Where the history is read: by the running monitor, or in the state directory.
struct HistorySource {
    private let client: ControlClient?
    private let reader: HistoryReader?

    /// - Parameter state: the state directory to read; nil: the monitor is asked.
    init(_ control: ControlInput, state: String?) throws {
        if let state {
            client = nil
            reader = try Self.reader(state)
            return
        }
        let settings = try control.file.read()
        client =
            control.socket != nil || settings.control.socket != nil ? try control.client() : nil
        // Without a monitor, the directory of the configuration is read.
        reader =
            control.socket == nil ? try? Self.reader(settings.monitor.stateDirectory) : nil
    }

    private static func reader(_ directory: String) throws -> HistoryReader {
        // A reader creates SQLite's files beside the history.
        try FileOwner.become(ownerOf: directory)
        return HistoryReader(directory: directory)
    }

    func page(_ query: FlowQuery, before: Int64?, limit: Int) async throws -> FlowPage {
        guard let client else { return try read(query, before, limit) }
        do { return try await client.flows(query, before: before, limit: limit) } catch {
            guard case .some(.unreachable) = error as? ControlError, reader != nil else {
                throw error
            }
            return try read(query, before, limit)
        }
    }

    private func read(
        _ query: FlowQuery, _ before: Int64?, _ limit: Int
    ) throws -> FlowPage {
        guard let reader else {
            throw IOError.input(
                path: "control.socket", reason: "is off; name the directory with --state")
        }
        return try reader.page(query, before: before, limit: limit)
    }
}

/// Times as an operator writes them, in UTC.
enum HistoryTime {
    /// A time stamp of RFC 3339; a day, a time of day or both; `today` or `yesterday` with or
    /// without a time of day; or a length of time before now. Nil for other text.
    static func parse(_ text: String, now: Timestamp) -> Timestamp? {
        if let span = TimeSpan(text) { return now - span.interval }
        let parts = text.split { $0 == " " || $0 == "T" }.map(String.init)
        guard (1...2).contains(parts.count), let first = parts.first else { return nil }
        if parts.count == 1, first.contains(":") { return time(day(now), first) }
        let date: String
        switch first {
        case "today": date = day(now)
        case "yesterday": date = day(now - .seconds(86_400))
        case _ where first.wholeMatch(of: /\d{4}-\d{2}-\d{2}/) != nil: date = first
        default: return nil
        }
        return time(date, parts.count == 2 ? parts[1] : "00:00")
    }

    private static func day(_ time: Timestamp) -> String { UTC.date(Int64(time.second)) }

    private static func time(_ date: String, _ clock: String) -> Timestamp? {
        guard
            let match = clock.wholeMatch(
                of: /(\d{2}:\d{2})(:\d{2}(?:\.\d{1,9})?)?(Z|[+-]\d{2}:?\d{2})?/)
        else { return nil }
        return UTC.time("\(date)T\(match.1)\(match.2 ?? ":00")\(match.3 ?? "Z")")
    }
}
