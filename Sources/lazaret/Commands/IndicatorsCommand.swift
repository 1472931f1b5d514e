import ArgumentParser
import IndicatorFiles
import Indicators
import Monitor
import NetworkAddresses
import ProtectedAddresses
import Quarantine
import Settings
import TextFormats
import Timestamps

struct IndicatorsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "indicators",
        abstract: "Check lists of addresses and names that are known to be bad, and ask them.",
        subcommands: [Check.self, Find.self])

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print what would be loaded of lists, and what would be refused.",
            discussion: "Ends with exit code 2 if a list cannot be used.")

        @Argument(help: "Lists, or folders of lists.") var files: [String]

        func run() throws {
            var lists = IndicatorLists()
            let outcome = lists.read(files.map(IndicatorEntry.init(file:)), exempt: [])
            let now = Clock.now()
            for report in outcome?.reports ?? [] where report.failure == nil {
                let lines =
                    [report.text(at: now)] + report.examples.map { "  such as \($0)" }
                try Output.write(lines.joined(separator: "\n") + "\n", to: nil)
            }
            let broken = outcome?.failures ?? []
            for report in broken { printError(report.text(at: now)) }
            if !broken.isEmpty { throw ExitCode(2) }
        }
    }

    struct Find: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print which lists of the configuration have an address or a name.")

        @Argument(help: ArgumentHelp("Address or name.", valueName: "address|name"))
        var value: String

        @OptionGroup var file: ConfigurationInput

        func run() throws {
            let settings = try file.read()
            let options = settings.monitor
            let now = Clock.now()
            let allowed = options.allowlist.filter { $0.expires.map { $0 > now } ?? true }
            let reasons =
                allowed.map { ($0.prefix, "allowed: \($0.reason)") }
                + options.discovery.named.map { ($0.prefix, "protected: \($0.reason)") }
            var lists = IndicatorLists()
            guard let outcome = lists.read(options.indicators, exempt: reasons.map(\.0)) else {
                return
            }
            for report in outcome.failures { Output.warn(report.text(at: now)) }
            try Output.write(answer(outcome.table, reasons, now) + "\n", to: nil)
        }

        private func answer(
            _ table: IndicatorTable, _ reasons: [(IPPrefix, String)], _ now: Timestamp
        ) -> String {
            let shown = value.printable
            guard let address = IPAddress(value) else {
                return table.hit(name: value, at: now.second).map(Self.text)
                    ?? Self.none(shown, table)
            }
            if let reason = reasons.first(where: { $0.0.contains(address) }) {
                return "\(shown) is never an indicator: \(reason.1.printable)"
            }
            return table.hit(address, at: now.second).map(Self.text) ?? Self.none(shown, table)
        }

        private static func none(_ shown: String, _ table: IndicatorTable) -> String {
            "\(shown) is on none of \(table.sources.count) lists"
        }

        private static func text(_ hit: IndicatorHit) -> String {
            let lines = hit.sources.map { source in
                "  \(source.name): \(source.object), "
                    + "\(TimeSpan(seconds: Int64(source.ageSeconds))) old, "
                    + "confidence \(source.confidence)"
            }
            return ([hit.text] + lines).joined(separator: "\n").split(separator: "\n")
                .map { String($0).printable }.joined(separator: "\n")
        }
    }
}
