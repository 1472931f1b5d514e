import ArgumentParser
import FoundationEssentials
import Monitor
import NetworkAddresses
import Settings
import SystemSupport
import TextFormats
import Workloads
import Timestamps

/// Workloads of this node, as Docker, Podman and Kubernetes report them.
struct InventoryCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "inventory",
        abstract: "Show or export the workloads and networks of this node's containers.",
        subcommands: [Show.self, Export.self])

    /// The options of both subcommands.
    struct Sources: ParsableArguments {
        @OptionGroup var file: ConfigurationInput
        @OptionGroup var inventory: InventoryInput

        /// Queries every available source.
        func ask() async throws -> LiveWorkloads {
            var settings = try file.read()
            settings.monitor.workloads.environment = ProcessInfo.processInfo.environment
            let path = inventory.path ?? settings.inventory
            let live = try LiveWorkloads(
                options: settings.monitor.workloads, given: try path.map(InventoryInput.read))
            let failures = await live.listOnce()
            for failure in failures { printError("\(failure.source): \(failure.reason)") }
            guard live.directory.isLive || path != nil else {
                if failures.isEmpty {
                    printError("no container engine answers (\(live.enginesText))")
                }
                throw ExitCode(1)
            }
            return live
        }
    }

    struct Show: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show networks and containers as a table.")

        @OptionGroup var sources: Sources

        func run() async throws {
            let live = try await sources.ask()
            var rows = [["NETWORK", "PREFIX", "GATEWAY", "BRIDGE"]]
            let bridges = live.directory.networks()
            for network in live.inventory.networks {
                let bridge = bridges.first { $0.prefixes.contains(network.prefix) }?.bridge
                rows.append([
                    network.name, "\(network.prefix)", network.gateway.map { "\($0)" } ?? "-",
                    bridge ?? "-",
                ])
            }
            var text = Self.table(rows) + "\n"
            rows = [["WORKLOAD", "ADDRESS", "CONTAINER", "IMAGE", "NETWORK", "SINCE"]]
            let leases = live.directory.leases()
            let told = Set(leases.map(\.address))
            for (address, lease) in leases {
                let since = Date(timeIntervalSince1970: Double(lease.since.second))
                rows.append([
                    live.inventory.workload(of: address)?.name ?? lease.container.workload,
                    "\(address)", lease.container.name, lease.container.reference,
                    lease.network, since.ISO8601Format(),
                ])
            }
            for workload in live.inventory.workloads {
                for prefix in workload.addresses
                where !prefix.isHost || !told.contains(prefix.address) {
                    rows.append([workload.name, "\(prefix)", "-", workload.image ?? "-", "-", "-"])
                }
            }
            text += Self.table(rows)
            text += "\nnames from \(live.source)\n"
            try Output.write(text, to: nil)
        }

        private static func table(_ rows: [[String]]) -> String {
            let rows = rows.map { $0.map(\.printable) }
            let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
            return rows.map { row in
                let cells = zip(row, widths).map { cell, width in
                    cell + String(repeating: " ", count: width - cell.count)
                }
                let end = cells.lastIndex { !$0.allSatisfy { $0 == " " } } ?? 0
                let last = row[end]
                return (cells[..<end] + [last]).joined(separator: "  ") + "\n"
            }.joined()
        }
    }

    struct Export: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write an inventory file for --inventory.")

        @OptionGroup var sources: Sources

        @Option(
            name: [.short, .long],
            help: ArgumentHelp("Output file; default: standard output.", valueName: "file"))
        var output: String?

        func run() async throws {
            let live = try await sources.ask()
            let header =
                """
                # Workloads and networks, written by 'lazaret inventory export' from \
                \(live.source).\n
                """
            try Output.write(
                header + live.inventory.yaml, to: output, access: .everybody)
        }
    }
}
