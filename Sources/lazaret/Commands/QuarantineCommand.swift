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

    struct List: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "List the active fences: time left, dropped packets, reason.")
        @OptionGroup var state: State
        @OptionGroup var style: Style

        func run() async throws {
            let place = try await state.quarantine()
            let listing = try await exiting { try await place.rules() }
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
            abstract: "Fence an address, prefix, MAC address, port of this node, or workload.",
            discussion: """
                Of a workload, each address is fenced. Its name is that of 'lazaret inventory \
                show', which replicas share: if there are several, --all is needed.
                """)
        @Argument(help: targetHelp)
        var target: String
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
        @Flag(help: "Fence every replica of the workload.")
        var all = false
        @OptionGroup var state: State

        func run() async throws {
            let named = try await exiting { try await state.targets(of: target) }
            guard all || named.replicas.count < 2 else {
                let more = named.replicas.count - 8
                throw ValidationError(
                    "'\(target)' has \(named.replicas.count) replicas: "
                        + named.replicas.prefix(8).joined(separator: ", ")
                        + (more > 0 ? " and \(more) more" : "")
                        + "; give an address of one, or --all to fence all of them")
            }
            let place = try await state.quarantine()
            // What one target stands in the way of does not keep the others from being fenced.
            var failure: ExitCode?
            for target in named.targets {
                do {
                    let text = try await exiting {
                        try await place.ask {
                            try await add(target, named.workload, by: $0)
                        } orAlone: {
                            try add(target, named.workload, alone: $0)
                        }
                    }
                    try Output.write(text, to: nil)
                } catch let code as ExitCode { failure = code }
            }
            if let failure { throw failure }
            if place.isObserved, response != .observe {
                printError(
                    "note: the running monitor observes; this fence is in force nevertheless, and "
                        + "is in none of the monitor's events")
            }
        }

        private func add(
            _ target: QuarantineTarget, _ workload: String?, alone quarantine: LocalQuarantine
        ) throws -> String {
            var engine = try quarantine.engine(now: Clock.now(), actor: person())
            let overridden = engine.policy.protected.objection(to: target)
            let time = Clock.now()
            let outcome = try engine.add(
                target, action: response, duration: span.interval, reason: reason,
                workload: workload, now: time, actor: person(), force: force)
            if let failure = outcome.failure { throw failure }
            let rule = outcome.decision.rule
            return text(
                target, rule.action.rawValue, expires: rule.expires, asked: time, overridden)
        }

        private func add(
            _ target: QuarantineTarget, _ workload: String?, by monitor: ControlClient
        ) async throws -> String {
            // The monitor does not know from which host the user of this terminal is logged in.
            let own = ProtectedDiscovery.ownSession(ProcessInfo.processInfo.environment)
                .objection(to: target)
            if let own, !force { throw QuarantineError.protected(target, why: own) }
            let time = Clock.now()
            let added = try await monitor.add(
                target, action: response, seconds: span.seconds, reason: reason,
                workload: workload, actor: person(), force: force)
            return text(
                target, added.response, expires: Timestamp(nanoseconds: added.untilNs), asked: time,
                own ?? added.overridden)
        }

        /// The result. Of the requested expiry and an existing one, the later one counts.
        private func text(
            _ target: QuarantineTarget, _ action: String, expires: Timestamp,
            asked time: Timestamp, _ overridden: String?
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
            abstract: "Release every fence inside a prefix, or of a workload.")
        @Argument(help: targetHelp)
        var target: String
        @Option(help: "Reason, for the audit trail.")
        var reason = "by hand"
        @OptionGroup var state: State

        func run() async throws {
            let place = try await state.quarantine()
            try await finish {
                var done: [String] = []
                // A release of an address also ends the rule on its port.
                for target in try await targets(place) where !done.contains("\(target)") {
                    done += try await place.ask {
                        try await $0.release(target, reason: reason, actor: person())
                    } orAlone: {
                        var engine = try $0.engine(now: Clock.now(), actor: person())
                        return try released(
                            engine.release(
                                target, reason: reason, now: Clock.now(), actor: person()))
                    }
                }
                return done
            }
        }

        /// The target; of a workload, those of the rules that have its name, or are on an address
        /// of it.
        private func targets(_ place: Place) async throws -> [QuarantineTarget] {
            if let target = QuarantineTarget(target) { return [target] }
            let rules = try await place.rules().rules.map(\.rule)
            let ofName = rules.filter { $0.workload == target }.map(\.target)
            let addresses: [QuarantineTarget]
            do { addresses = try await state.targets(of: target).targets } catch {
                guard !ofName.isEmpty else { throw error }
                addresses = []
            }
            let others = rules.map(\.target).filter { one in
                !ofName.contains(one) && addresses.contains { $0.covers(one) }
            }
            return ofName.isEmpty && others.isEmpty ? addresses : ofName + others
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

    private static let targetHelp = ArgumentHelp(
        "Address, prefix, MAC address, port:NAME (an interface of this node), or name of a "
            + "workload.")

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

    /// Runs `body`; an error becomes one line and exit code 1, one of the configuration or of an
    /// argument 2.
    static func exiting<T>(_ body: () async throws -> T) async throws -> T {
        do { return try await body() } catch let error as ExitCode {
            throw error
        } catch let error
            where Failure.isOfConfiguration(error) || error is ReaderIsGone
            || error is ValidationError
        {
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
