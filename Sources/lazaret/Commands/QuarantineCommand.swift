import ArgumentParser
import ControlServer
import Enforcement
import Events
import FoundationEssentials
import Glibc
import Monitor
import NetworkAddresses
import ProtectedAddresses
import Quarantine
import Settings
import StatusReport
import SystemSupport
import TextFormats
import Timestamps

/// `lazaret quarantine`: lists and changes fences, with and without a running monitor.
///
/// If a monitor enforces with the same ledger, the request is sent to its control socket; otherwise
/// the command opens ledger and kernel itself.
struct QuarantineCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "quarantine",
        abstract: "List, add and release fences; works with and without a running monitor.",
        subcommands: [
            List.self, Add.self, Release.self, Flush.self, Plan.self, Responses.self,
        ], defaultSubcommand: List.self)

    /// The directory of the ledger.
    struct State: ParsableArguments {
        @Option(
            name: .customLong("state"),
            help: ArgumentHelp(
                "Directory of the ledger; /var/lib/lazaret unless configured.", valueName: "dir"))
        var given: String?
        @OptionGroup var file: ConfigurationInput

        /// The state directory of the configuration, unless one was given.
        func directory() throws -> String { try given ?? file.read().monitor.stateDirectory }

        /// The owner of the rules.
        func quarantine() async throws -> Place {
            // A given directory is used even if the standard configuration cannot be read.
            let settings =
                given == nil || file.path != nil
                ? try file.read() : (try? file.read()) ?? Configuration()
            let directory = given ?? settings.monitor.stateDirectory
            let socket =
                LocalQuarantine.socket(ofMonitorIn: directory) ?? settings.control.socket
            var place = Place(directory: directory, options: settings.monitor)
            guard let socket else { return place }
            let client = ControlClient(socket: socket, user: settings.user)
            do throws(ControlError) {
                // Without --state, the monitor that runs here is meant: changes that bypass it
                // would be undone when it compares the kernel's rules with its own.
                guard let status = try await client.statusIfRunning() else { return place }
                place.isObserved = !status.appliesRules
                if status.appliesRules, let theirs = status.stateDirectory,
                    given == nil || theirs.realPath == directory.realPath
                {
                    place.directory = theirs
                    place.monitor = client
                }
            } catch {
                if case .impostor = error { printError("\(error)") }
                place.refusal = error
            }
            return place
        }
    }

    /// The owner of the rules: a running monitor, or this command.
    struct Place {
        var directory: String
        var options: Monitor.Options
        var monitor: ControlClient?
        /// Whether a monitor runs that only observes.
        var isObserved = false
        /// Why the caller may not use the running monitor.
        var refusal: ControlError?

        /// Sends the request to the monitor. If there is none, or it has stopped before it
        /// finished, the command does the work itself.
        func ask<T>(
            _ body: (ControlClient) async throws -> T,
            orAlone alone: (LocalQuarantine) throws -> T
        ) async throws -> T {
            if let monitor {
                do { return try await body(monitor) } catch {
                    guard (try? await monitor.isEnforcing(with: directory)) != true else {
                        throw error
                    }
                }
            }
            do {
                return try alone(LocalQuarantine(directory: directory, options: options))
            } catch let error as QuarantineError {
                guard let refusal else { throw error }
                switch error {
                // A caller who may not use the monitor usually cannot open its files either.
                case .ledger, .notPermitted: throw refusal
                default: throw error
                }
            }
        }
    }

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the active fences: time left, dropped packets, reason.")
        @OptionGroup var state: State
        @OptionGroup var style: Style

        func run() async throws {
            let place = try await state.quarantine()
            let listing = try await exiting {
                try await place.ask {
                    RuleListing(rules: try await $0.rules())
                } orAlone: {
                    try $0.list(now: Clock.now())
                }
            }
            try Output.write(style.render(listing), to: nil)
            if !listing.unknown.isEmpty {
                printError(
                    """
                    fences in the kernel but not in the ledger: \(listing.unknown.count) \
                    (ledger in \(place.directory)); the next change or a monitor's start records \
                    them
                    """)
            }
        }
    }

    struct Add: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Fence an address, a prefix, a MAC address or a port of this node.")
        @Argument(
            help: "Address, prefix, MAC address or port:NAME, an interface of this node.",
            transform: parse(target:))
        var target: QuarantineTarget
        @Option(
            name: .customLong("for"), parsing: .unconditional,
            help: "Duration: 90s, 10m, 1h, 2d.",
            transform: QuarantineCommand.parse(span:))
        var span = TimeSpan(seconds: 600)
        @Option(help: "Reason, for the audit trail.")
        var reason = "by hand"
        @Option(
            help: "Action: drop, egress, limit, observe, or protect (limits new connections).",
            transform: parse(response:))
        var response: QuarantineRule.Action = .drop
        @Flag(help: "Fence the target even if it is protected.")
        var force = false
        @OptionGroup var state: State

        func run() async throws {
            let place = try await state.quarantine()
            let text = try await exiting { try await place.ask(add(by:), orAlone: add(alone:)) }
            try Output.write(text, to: nil)
            if place.isObserved, response != .observe {
                printError(
                    "note: the running monitor observes; this fence is in force nevertheless, and "
                        + "is in none of the monitor's events")
            }
        }

        private func add(alone quarantine: LocalQuarantine) throws -> String {
            var engine = try quarantine.engine(now: Clock.now(), actor: person())
            let overridden = engine.policy.protected.objection(to: target)
            let time = Clock.now()
            let outcome = try engine.add(
                target, action: response, duration: span.interval, reason: reason, now: time,
                actor: person(), force: force)
            if let failure = outcome.failure { throw failure }
            let rule = outcome.decision.rule
            return text(rule.action.rawValue, expires: rule.expires, asked: time, overridden)
        }

        private func add(by monitor: ControlClient) async throws -> String {
            // The monitor does not know from which host the user of this terminal is logged in.
            let own = ProtectedDiscovery.ownSession(ProcessInfo.processInfo.environment)
                .objection(to: target)
            if let own, !force { throw QuarantineError.protected(target, why: own) }
            let time = Clock.now()
            let added = try await monitor.add(
                target, action: response, seconds: span.seconds, reason: reason, actor: person(),
                force: force)
            return text(
                added.response, expires: Timestamp(nanoseconds: added.untilNs), asked: time,
                own ?? added.overridden)
        }

        /// The result. Of the requested expiry and an existing one, the later one counts.
        private func text(
            _ action: String, expires: Timestamp, asked time: Timestamp, _ overridden: String?
        ) -> String {
            if let overridden { printError("--force overrides: \(overridden)") }
            let undo = "; undo: lazaret quarantine release \(target)\n"
            guard expires > time + span.interval + .seconds(1) else {
                return "\(target) fenced (\(action)) for \(span)" + undo
            }
            let second = Int64(expires.second)
            return "\(target) is already fenced (\(action)) until "
                + "\(UTC.moment(second)), which is later than \(span) from now" + undo
        }
    }

    struct Release: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Release every fence inside a prefix.")
        @Argument(
            help: "Address, prefix, MAC address or port:NAME, an interface of this node.",
            transform: parse(target:))
        var target: QuarantineTarget
        @Option(help: "Reason, for the audit trail.")
        var reason = "by hand"
        @OptionGroup var state: State

        func run() async throws {
            let place = try await state.quarantine()
            try await finish {
                try await place.ask {
                    try await $0.release(target, reason: reason, actor: person())
                } orAlone: {
                    var engine = try $0.engine(now: Clock.now(), actor: person())
                    return try released(
                        engine.release(target, reason: reason, now: Clock.now(), actor: person()))
                }
            }
        }
    }

    struct Flush: AsyncParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Release every fence.")
        @Option(help: "Reason, for the audit trail.")
        var reason = "by hand"
        @OptionGroup var state: State

        func run() async throws {
            let place = try await state.quarantine()
            try await finish {
                try await place.ask {
                    try await $0.flush(reason: reason, actor: person())
                } orAlone: {
                    var engine = try $0.engine(now: Clock.now(), actor: person())
                    return try released(
                        engine.flush(reason: reason, now: Clock.now(), actor: person()))
                }
            }
        }
    }

    private static func parse(target text: String) throws -> QuarantineTarget {
        guard let target = QuarantineTarget(text) else {
            throw ValidationError("'\(text)' is not an address, prefix, MAC address or port:NAME")
        }
        return target
    }

    private static func parse(response text: String) throws -> QuarantineRule.Action {
        guard let response = QuarantineRule.Action(rawValue: text) else {
            throw ValidationError("'\(text)' must be drop, egress, limit, observe or protect")
        }
        return response
    }

    /// The targets of the released rules.
    ///
    /// - Throws: the first failure, after the others were printed.
    private static func released(_ outcomes: [QuarantineOutcome]) throws -> [String] {
        let done = outcomes.filter { $0.failure == nil }.map { "\($0.decision.target)" }
        guard let failure = outcomes.compactMap(\.failure).first else { return done }
        try Output.write(done.map { "\($0) released\n" }.joined(), to: nil)
        throw failure
    }

    private static func finish(_ body: () async throws -> [String]) async throws {
        let targets = try await exiting(body)
        let lines = targets.map { "\($0) released\n" }
        try Output.write(lines.isEmpty ? "no fence to release\n" : lines.joined(), to: nil)
    }

    /// The user of the terminal, for the audit trail.
    private static func person() -> String {
        let environment = ProcessInfo.processInfo.environment
        return environment["SUDO_USER"] ?? environment["USER"] ?? "uid \(getuid())"
    }

    /// Runs `body`; an error becomes one line and exit code 1, one of the configuration 2.
    static func exiting<T>(_ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch let error as ExitCode {
            throw error
        } catch let error where Failure.isOfConfiguration(error) || error is ReaderIsGone {
            throw error
        } catch {
            printError("\(error)")
            throw ExitCode(1)
        }
    }
}

extension QuarantineCommand {
    fileprivate static func parse(span text: String) throws -> TimeSpan {
        guard let span = TimeSpan(text), span.seconds > 0 else {
            throw ValidationError("'\(text)' is not a duration; use 90s, 10m, 1h; at most 400d")
        }
        return span
    }
}

extension QuarantineCommand {
    /// The format of a list.
    struct Style: ParsableArguments {
        enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

        @Option(help: "Output format: table or json.")
        var format: Format = .table

        func render(_ listing: RuleListing) -> String {
            format == .json
                ? listing.rules.map { RuleReport.json($0) + "\n" }.joined() : Self.table(listing)
        }

        private static func table(_ listing: RuleListing) -> String {
            guard !listing.rules.isEmpty || !listing.unknown.isEmpty else {
                return "nothing is fenced\n"
            }
            let head = ["TARGET", "RESPONSE", "LEFT", "PACKETS", "BYTES", "BY", "EVIDENCE", "WHY"]
            func left(_ interval: Interval) -> String { "\(TimeSpan(interval))" }
            let known = listing.rules.map { status in
                let rule = status.rule
                return [
                    "\(rule.target)", rule.action.rawValue + (rule.isDryRun ? " (dry run)" : ""),
                    status.isInForce || rule.isDryRun
                        ? left(status.remaining) : "not in force",
                    "\(status.packets)", "\(status.bytes)", rule.origin.printable,
                    rule.evidence.isEmpty ? "-" : rule.evidence.printable,
                    (rule.reason + (rule.workload.map { " (\($0))" } ?? "")).printable,
                ]
            }
            let rows =
                known
                + listing.unknown.map { element in
                    [
                        "\(element.target)", element.action.rawValue,
                        element.remaining.map(left) ?? "no end",
                        "\(element.packets)", "\(element.bytes)", "-", "-",
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
