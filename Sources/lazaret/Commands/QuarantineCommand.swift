import ArgumentParser
import Enforcement
import Events
import EventStore
import FoundationEssentials
import Glibc
import Monitor
import NetworkAddresses
import Quarantine
import Settings
import TextFormats
import Timestamps

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
            help: ArgumentHelp(
                "Directory of the ledger; /var/lib/lazaret unless configured.", valueName: "dir"))
        var given: String?
        @OptionGroup var file: ConfigurationInput

        /// Where the monitor of the same configuration has it; what is named is not looked up.
        func directory() throws -> String { try given ?? file.read().monitor.stateDirectory }

        /// Opens ledger and kernel, and makes them agree if `isChanging`.
        ///
        /// - Parameter configured: what is protected by configuration.
        static func keeper(
            in directory: String, isChanging: Bool,
            protecting configured: [ProtectedSet.Entry] = []
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
        @OptionGroup var style: Style

        func run() throws {
            let directory = try state.directory()
            // Looking makes nothing: where there is no ledger, the kernel alone is asked.
            let isThere = access(directory + "/lazaret.db", F_OK) == 0 || errno != ENOENT
            let (fences, strangers) = try exiting { () throws(QuarantineError) in
                guard isThere else {
                    var firewall = try Firewall()
                    return ([QuarantineKeeper<Firewall>.Standing](), try firewall.held())
                }
                var keeper = try State.keeper(in: directory, isChanging: false)
                return (try keeper.list(now: now()), try keeper.strangers())
            }
            try Output.write(style.render(fences, strangers), to: nil)
            if !strangers.isEmpty {
                complain(
                    "the kernel holds \(strangers.count) that the ledger in \(directory) does not know; "
                        + "the next change by hand, or a monitor's start, writes them down")
            }
        }
    }

    struct Add: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fence an address, a prefix or a MAC address.")
        @Argument(help: "Address, prefix or MAC address.", transform: parse(target:))
        var target: FenceTarget
        @Option(
            name: .customLong("for"), parsing: .unconditional,
            help: "How long: 90s, 10m, 1h, 2d.",
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

        func run() throws {
            let settings = try state.file.read().monitor
            let directory = state.given ?? settings.stateDirectory
            let text = try exiting { () throws(QuarantineError) in
                var keeper = try State.keeper(
                    in: directory, isChanging: true, protecting: settings.discovery.named)
                let overridden = keeper.actuator.options.protected.objection(to: target)
                let time = now()
                let outcome = try keeper.add(
                    target, response: response, seconds: span.seconds, reason: reason, now: time,
                    actor: person(), force: force)
                if let failure = outcome.failure { throw failure }
                if let overridden { complain("--force overrides: \(overridden)") }
                return "\(target) " + length(outcome.action, asked: time + span.nanoseconds)
                    + "; undo: \(outcome.action.undo)\n"
            }
            try Output.write(text, to: nil)
        }

        /// How long it is fenced: of an end that was asked for and one that stood already, the later counts.
        private func length(_ action: QuarantineAction, asked: Int64) -> String {
            let response = action.response.rawValue
            guard action.until > asked.addingClamping(1_000_000_000) else {
                return "fenced (\(response)) for \(span)"
            }
            let second = action.until / 1_000_000_000
            return "stands fenced (\(response)) until \(UTC.date(second)) "
                + "\(UTC.clock(second)) UTC, which is later than \(span) from now"
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
            let directory = try state.directory()
            try finish(
                try exiting { () throws(QuarantineError) in
                    var keeper = try State.keeper(in: directory, isChanging: true)
                    return try keeper.release(
                        target, reason: reason, now: now(), actor: person())
                })
        }
    }

    struct Flush: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Take down every fence.")
        @Option(help: "Why; goes to the audit trail.")
        var reason = "by hand"
        @OptionGroup var state: State

        func run() throws {
            let directory = try state.directory()
            try finish(
                try exiting { () throws(QuarantineError) in
                    var keeper = try State.keeper(in: directory, isChanging: true)
                    return try keeper.flush(reason: reason, now: now(), actor: person())
                })
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

    private static func finish(_ outcomes: [QuarantineKeeper<Firewall>.Outcome]) throws {
        let released = outcomes.filter { $0.failure == nil }
        try Output.write(released.map { "\($0.action.target) released\n" }.joined(), to: nil)
        try exiting { () throws(QuarantineError) in
            if let failure = outcomes.compactMap(\.failure).first { throw failure }
        }
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

    /// Runs `body`; an error becomes one line and exit code 1.
    private static func exiting<T>(_ body: () throws(QuarantineError) -> T) throws -> T {
        do { return try body() } catch {
            complain("\(error)")
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
    struct Style: ParsableArguments {
        enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

        @Option(help: "How to write: table or json.")
        var format: Format = .table

        func render(
            _ fences: [QuarantineKeeper<Firewall>.Standing], _ strangers: [HeldElement]
        ) -> String {
            format == .json
                ? fences.map { FenceReport.json($0) + "\n" }.joined()
                : Self.table(fences, strangers)
        }

        private static func table(
            _ fences: [QuarantineKeeper<Firewall>.Standing], _ strangers: [HeldElement]
        ) -> String {
            guard !fences.isEmpty || !strangers.isEmpty else { return "nothing is fenced\n" }
            let head = ["TARGET", "RESPONSE", "LEFT", "PACKETS", "BYTES", "BY", "WHY"]
            func left(_ milliseconds: Int64) -> String {
                "\(TimeSpan(seconds: milliseconds / 1000))"
            }
            let known = fences.map { fence in
                [
                    "\(fence.row.target)",
                    fence.row.response.rawValue + (fence.row.isDryRun ? " (dry run)" : ""),
                    fence.isInForce || fence.row.isDryRun
                        ? left(fence.remainingMilliseconds) : "not in force",
                    "\(fence.packets)", "\(fence.bytes)", fence.row.actor.printable,
                    (fence.row.reason + (fence.row.workload.map { " (\($0))" } ?? "")).printable,
                ]
            }
            let rows =
                known
                + strangers.map { element in
                    [
                        "\(element.target)", element.response.rawValue,
                        element.remainingMilliseconds.map(left) ?? "no end",
                        "\(element.packets)", "\(element.bytes)", "-",
                        "in the kernel, not in the ledger",
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
