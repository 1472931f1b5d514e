import ArgumentParser
import Foundation
import NetworkAddresses
import Pipeline
import Quarantine
import Reporting

/// `lazaret quarantine`: what is fenced, and changes by hand; with and without the daemon.
struct QuarantineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quarantine",
        abstract: "Show, add and release fences; works with and without the daemon.",
        subcommands: [List.self, Add.self, Release.self, Flush.self], defaultSubcommand: List.self)

    /// Where the ledger lies.
    struct State: ParsableArguments {
        @Option(
            name: .customLong("state"),
            help: ArgumentHelp("Directory of the ledger.", valueName: "dir"))
        var directory = "/var/lib/lazaret"
        /// Opens ledger and kernel, and makes them agree if `isChanging`.
        ///
        /// - Parameter configured: what is protected by configuration.
        func keeper(
            isChanging: Bool, protecting configured: [ProtectedSet.Entry] = []
        ) throws(QuarantineError) -> QuarantineKeeper<Firewall> {
            var discovery = ProtectedDiscovery()
            discovery.named = configured
            discovery.environment = ProcessInfo.processInfo.environment
            var options = try QuarantineRunner.options(
                policy: QuarantinePolicy(), discovery: discovery, isDryRun: false)
            let ledger = try QuarantineLedger(directory: directory)
            try ledger.apply(to: &options)
            var keeper = QuarantineKeeper(ledger: ledger, actuator: try Firewall(options))
            if isChanging {
                _ = try keeper.reconcile(now: now(), cause: "command line", actor: person())
            }
            return keeper
        }
    }

    struct List: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what is fenced: time left, what was held back, why.")
        @OptionGroup var state: State
        @OptionGroup var output: Output

        func run() throws {
            try exiting { () throws(QuarantineError) in
                var keeper = try state.keeper(isChanging: false)
                print(output.render(try keeper.list(now: now())), terminator: "")
            }
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fence an address, a prefix or a MAC address.")
        @Argument(help: "Address, prefix or MAC address.", transform: parse(target:))
        var target: FenceTarget
        @Option(
            name: .customLong("for"), help: "How long: 90s, 10m, 1h, 2d.",
            transform: QuarantineCommand.parse(span:))
        var span = TimeSpan(seconds: 600)
        @Option(help: "Why; goes to the audit trail.")
        var reason = "by hand"
        @Option(
            help: "What happens to its packets: drop, egress, limit or observe.",
            transform: parse(response:))
        var response: FenceResponse = .drop
        @Flag(help: "Fence even what is protected.")
        var force = false
        @OptionGroup var state: State
        @OptionGroup var file: ConfigurationInput

        func run() throws {
            let protected = try file.read().monitor.discovery.named
            try exiting { () throws(QuarantineError) in
                var keeper = try state.keeper(isChanging: true, protecting: protected)
                let overridden = keeper.actuator.options.protected.objection(to: target)
                let outcome = try keeper.add(
                    target, response: response, seconds: span.seconds, reason: reason, now: now(),
                    actor: person(), force: force)
                if let failure = outcome.failure { throw failure }
                if let overridden { tell("--force overrides: \(overridden)") }
                print(
                    "\(target) fenced (\(response.rawValue)) for \(span); "
                        + "undo: \(outcome.action.undo)")
            }
        }
    }

    struct Release: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Take down every fence that lies in a prefix.")
        @Argument(help: "Address, prefix or MAC address.", transform: parse(target:))
        var target: FenceTarget
        @Option(help: "Why; goes to the audit trail.")
        var reason = "by hand"
        @OptionGroup var state: State

        func run() throws {
            try exiting { () throws(QuarantineError) in
                var keeper = try state.keeper(isChanging: true)
                try finish(
                    try keeper.release(target, reason: reason, now: now(), actor: person()))
            }
        }
    }

    struct Flush: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take down every fence.")
        @Option(help: "Why; goes to the audit trail.")
        var reason = "by hand"
        @OptionGroup var state: State

        func run() throws {
            try exiting { () throws(QuarantineError) in
                var keeper = try state.keeper(isChanging: true)
                try finish(try keeper.flush(reason: reason, now: now(), actor: person()))
            }
        }
    }

    private static func parse(target text: String) throws -> FenceTarget {
        guard let target = FenceTarget(text) else {
            throw ValidationError("'\(text)' is no address, prefix or MAC address")
        }
        return target
    }

    private static func parse(response text: String) throws -> FenceResponse {
        guard let response = FenceResponse(rawValue: text) else {
            throw ValidationError("'\(text)' is none of drop, egress, limit, observe")
        }
        return response
    }

    private static func finish(
        _ outcomes: [QuarantineKeeper<Firewall>.Outcome]
    ) throws(QuarantineError) {
        for outcome in outcomes where outcome.failure == nil {
            print("\(outcome.action.target) released")
        }
        if let failure = outcomes.compactMap(\.failure).first { throw failure }
    }

    /// Nanoseconds since 1970.
    static func now() -> Int64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }

    /// Who is at the keyboard, for the audit trail.
    private static func person() -> String {
        let environment = ProcessInfo.processInfo.environment
        return environment["SUDO_USER"] ?? environment["USER"] ?? "uid \(getuid())"
    }

    private static func tell(_ line: String) {
        FileHandle.standardError.write(Data("lazaret: \(line)\n".utf8))
    }

    /// Runs `body`; an error becomes one line and exit code 1.
    private static func exiting(_ body: () throws(QuarantineError) -> Void) throws {
        do { try body() } catch {
            tell("\(error)")
            throw ExitCode(1)
        }
    }
}

extension QuarantineCommand {
    fileprivate static func parse(span text: String) throws -> TimeSpan {
        guard let span = TimeSpan(text), span.seconds > 0 else {
            throw ValidationError("'\(text)' is no time; write 90s, 10m, 1h or 2d, at most 400d")
        }
        return span
    }
}

extension QuarantineCommand {
    /// How a list is written.
    struct Output: ParsableArguments {
        enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

        @Option(help: "How to write: table or json.")
        var format: Format = .table

        func render(_ fences: [QuarantineKeeper<Firewall>.Standing]) -> String {
            format == .json
                ? fences.map { FenceReport.json($0) + "\n" }.joined() : Self.table(fences)
        }

        private static func table(_ fences: [QuarantineKeeper<Firewall>.Standing]) -> String {
            guard !fences.isEmpty else { return "nothing is fenced\n" }
            let head = ["TARGET", "RESPONSE", "LEFT", "PACKETS", "BYTES", "BY", "WHY"]
            let rows = fences.map { fence in
                [
                    "\(fence.row.target)",
                    fence.row.response.rawValue + (fence.row.isDryRun ? " (dry run)" : ""),
                    fence.isInForce || fence.row.isDryRun
                        ? "\(TimeSpan(seconds: fence.remainingMilliseconds / 1000))"
                        : "not in force",
                    "\(fence.packets)", "\(fence.bytes)", fence.row.actor,
                    fence.row.reason.filter { !$0.isNewline }
                        + (fence.row.workload.map { " (\($0))" } ?? ""),
                ]
            }
            let widths = head.indices.map { column in
                ([head] + rows).map { $0[column].count }.max() ?? 0
            }
            return ([head] + rows).map { row in
                row.enumerated().map { column, cell in
                    column == row.count - 1
                        ? cell : cell + String(repeating: " ", count: widths[column] - cell.count)
                }.joined(separator: "  ") + "\n"
            }.joined()
        }
    }
}
