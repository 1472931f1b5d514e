import ArgumentParser
import EventDelivery
import Monitor
import Settings

struct NotifyCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "notify", abstract: "Try the configured notifications.",
        subcommands: [Test.self])

    struct Test: AsyncParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Send a test message by each entry of 'notify'.",
            discussion: """
                Mail goes to each recipient on its own, so that an unknown one is found. The alert \
                in Alertmanager ends by itself after two minutes. Exits with 1 if a message \
                could not be sent. Secrets are read as this user; the monitor may run as another \
                one ('user').
                """)

        @OptionGroup var input: ConfigurationInput

        @Argument(help: "Names of entries; default: all.")
        var names: [String] = []

        func run() async throws {
            let settings = try input.read()
            let all = settings.monitor.delivery.notify
            let entries = names.isEmpty ? all : all.filter { names.contains($0.name) }
            if let name = names.first(where: { name in !all.contains { $0.name == name } }) {
                throw ValidationError("no entry of 'notify' has the name '\(name)'")
            }
            let path = settings.path ?? Configuration.standardPath
            guard !entries.isEmpty else {
                throw ConfigurationError(path: path, reason: "'notify' has no entry")
            }
            try check(entries, path)
            var hasFailed = false
            for entry in entries {
                for result in await NotifyTest.send(by: entry) {
                    hasFailed = hasFailed || result.failure != nil
                    try Output.write("\(result.name): \(result.failure ?? "sent")\n", to: nil)
                }
            }
            if hasFailed { throw ExitCode(1) }
        }

        private func check(_ entries: [NotifyEntry], _ path: String) throws {
            let faults = NotifyEntry.faults(in: entries)
            guard faults.isEmpty else {
                throw ConfigurationError(
                    path: path, reason: "'notify': \(faults.joined(separator: "; "))")
            }
            for entry in entries {
                do throws(DeliveryError) { try entry.checkFiles() } catch {
                    throw ConfigurationError(path: path, reason: "'notify': \(error)")
                }
            }
        }
    }
}
