import ArgumentParser
import FlowExport
import FlowMetering
import Glibc
import NetworkAddresses
import PacketCapture
import PacketDecoding
import SystemSupport
import TextFormats
import Workloads

/// Meters captures or interfaces and writes the flows, without judging them; without packets, reads
/// the history of a monitor.
struct FlowsCommand: AsyncParsableCommand, ReadsCaptures {
    static let configuration = CommandConfiguration(
        commandName: "flows",
        abstract: "Meter packets and write flow records, or query a monitor's flow history.",
        discussion: """
            Reads captures (-r) or interfaces (-i) and writes one record for each flow that ends. \
            On an interface or a pipe, SIGINT and SIGTERM end every flow and write the remaining \
            records; on files, they end with an error, and no file of a part is left. SIGUSR1 \
            prints counters. With --inventory, tables, CSV and JSON name the workloads. JSON, Zeek \
            and EVE have the community_id of each flow, by which tools are joined.

            Without -r and -i, shows the flows that a monitor has kept: those of the running \
            monitor, or in --state; as table, csv, json or eve, since zeek and ipfix have counters \
            that are not kept. "Who talked to the database yesterday at three":
              lazaret flows --from 'yesterday 15:00' --to 'yesterday 15:10' --workload database
            """)

    @OptionGroup(title: "Packets") var capture: CaptureOptionGroup
    @OptionGroup(title: "Flows") var meter: MeterOptionGroup
    @OptionGroup(title: "History") var history: HistoryInput
    @OptionGroup var inventory: InventoryInput

    @Option(
        help: ArgumentHelp(
            "table, csv, json, zeek (conn.log), eve (Suricata) or ipfix (RFC 7011).",
            valueName: "format"))
    var format: FlowFormat = .table

    @Option(
        name: .customShort("o"),
        help: ArgumentHelp(
            """
            Write to a file, to standard output (-), or IPFIX to udp://HOST:PORT or tcp://HOST:PORT.
            """,
            valueName: "output"))
    var output: String?

    @Option(
        help: ArgumentHelp(
            """
            Threads for captures in files: 2 read apart from metering. The flows are the same.
            """,
            valueName: "1|2"))
    var threads = min(CaptureThreads.usual, 2)

    @Flag(
        name: .customLong("community-id"),
        help: "Add the Community ID to CSV of captures; JSON, EVE, Zeek and the history have it.")
    var isIdentified = false

    @Flag(help: "Print counters of read, lost and malformed packets to standard error.")
    var stats = false

    func validate() throws {
        guard (1...2).contains(threads) else {
            throw ValidationError("--threads \(threads): give 1 or 2")
        }
        if readsHistory {
            guard [.table, .csv, .json, .eve].contains(format) else {
                throw ValidationError(
                    "the history is written as table, csv, json or eve; it does not keep all the "
                        + "counters of \(format.rawValue)")
            }
            guard output?.hasPrefix("udp://") != true, output?.hasPrefix("tcp://") != true else {
                throw ValidationError("-o: the history is written to a file")
            }
            guard capture.filter.isEmpty else {
                throw ValidationError("a filter of packets takes -r or -i")
            }
            guard inventory.path == nil else {
                throw ValidationError("the history has the workloads' names: leave out --inventory")
            }
            _ = try history.query()
            return
        }
        guard inventory.path == nil || [.table, .csv, .json].contains(format) else {
            throw ValidationError("--inventory: workloads are named in table, csv and json only")
        }
        guard !history.isGiven else {
            throw ValidationError("--from and the other options of the history take no -r and -i")
        }
        let isNetwork = output?.hasPrefix("udp://") == true || output?.hasPrefix("tcp://") == true
        guard !isNetwork || format == .ipfix else {
            throw ValidationError("-o \(output ?? ""): only ipfix can be sent over the network")
        }
    }

    /// Whether no packets are named.
    private var readsHistory: Bool { capture.files.isEmpty && capture.interfaces.isEmpty }

    func run() async throws {
        if readsHistory { return try await history.run(format, to: output) }
        Signals.install()
        var options = FlowExport.Options()
        options.capture = capture.captureOptions
        options.capture.shouldStop = { Signals.shouldStop }
        options.meter = meter.meterOptions(isLive: capture.files.isEmpty)
        options.decode = meter.decodeOptions
        options.format = format
        options.threads = threads
        options.isIdentified = isIdentified
        if let inventory = try inventory.read() { options.workload = Self.names(in: inventory) }
        do {
            let isLive = capture.files.isEmpty
            let file = output == "-" ? nil : output
            let target = try file.map { try FlowOutput($0, isLive: isLive) } ?? FlowOutput()
            if format == .ipfix, target.isTerminal {
                printError("ipfix is binary; send it to a file or a collector with -o")
                throw ExitCode(2)
            }
            options.width = target.columns ?? 120
            options.isColoured = target.isTerminal && getenv("NO_COLOR") == nil
            let outcome = try meterPackets(options, to: target)
            if outcome.isInterrupted {
                let what =
                    target.isDraft
                    ? "\(output ?? "") is not written" : "the output is incomplete"
                printError(
                    "interrupted after \(Int(outcome.shareRead * 100)) % of the captures: \(what)")
                throw ExitCode(Signals.exitCode)
            }
            try target.finish()
            for warning in outcome.warnings { printError("warning: \(warning)") }
            if stats { print(outcome) }
            if outcome.isDamaged { throw ExitCode(1) }
        } catch let error as ExitCode {
            throw error
        } catch {
            FlowProgress.clear()
            if (error as? FlowOutputError)?.hasNoReader == true { throw ReaderIsGone() }
            printError("\(error)")
            if case .some(.interrupted) = error as? CaptureError {
                throw ExitCode(Signals.exitCode)
            }
            if case .some(.filter) = error as? CaptureError { throw ExitCode(2) }
            throw ExitCode(1)
        }
    }

    /// Names addresses by an inventory; each address is looked up once.
    private static func names(in inventory: Inventory) -> (IPAddress) -> String? {
        let identities = IdentityMap(inventory: inventory)
        var known: [IPAddress: String?] = [:]
        return { address in
            if let name = known[address] { return name }
            let name = identities.workloadName(of: address)?.printable
            if known.count < 65_536 { known[address] = .some(name) }
            return name
        }
    }

    private func meterPackets(
        _ options: FlowExport.Options, to target: FlowOutput
    ) throws -> FlowExport.Outcome {
        let export = FlowExport(options: options)
        guard capture.files.isEmpty else {
            let outcome = try export.run(
                files: capture.files, output: target, shouldStop: { Signals.shouldStop },
                progress: { done, total in
                    FlowProgress.show(done, of: total)
                    if Signals.takeReport() {
                        printError("bytes read \(done)" + (total.map { " of \($0)" } ?? ""))
                    }
                })
            FlowProgress.clear()
            return outcome
        }
        return try export.run(
            interfaces: capture.interfaces, output: target,
            shouldStop: { Signals.shouldStop },
            report: { outcome in if Signals.takeReport() { print(outcome()) } })
    }

    /// Prints the counters, one per line; those of malformed frames only if there were any.
    private func print(_ outcome: FlowExport.Outcome) {
        let capture = outcome.capture
        var lines: [(String, UInt64)] = [
            ("capture.packets", capture.packets), ("capture.filtered", capture.filtered),
            ("capture.skipped_link_type", capture.skipped),
            ("capture.file_bytes", capture.fileBytes),
            ("capture.kernel_drops", capture.kernelDrops),
            ("capture.interface_drops", capture.interfaceDrops),
            ("capture.reopened", capture.reopened),
        ]
        let malformed = outcome.decode.malformed
        lines += outcome.decode.named.dropLast(malformed.count).map {
            ("decode.\($0.name)", $0.count)
        }
        lines += malformed.filter { $0.count > 0 }.map { ("malformed.\($0.name)", $0.count) }
        lines += outcome.meter.named.map { ("meter.\($0.name)", $0.count) }
        for (name, count) in lines {
            let gap = String(repeating: " ", count: max(1, 34 - name.count))
            StandardError.write("\(name)\(gap)\(count)\n")
        }
    }
}

extension FlowFormat: ExpressibleByArgument {}
