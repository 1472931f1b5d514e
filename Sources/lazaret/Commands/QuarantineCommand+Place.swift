import AnomalyModel
import ArgumentParser
import ControlServer
import FoundationEssentials
import ModelFiles
import Monitor
import NetworkAddresses
import Quarantine
import Settings
import StatusReport
import SystemSupport
import Timestamps

/// Where the rules are, and what the named targets are.
extension QuarantineCommand {
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

        /// The configuration. A given directory is used even if the standard one cannot be read.
        private func settings() throws -> Configuration {
            given == nil || file.path != nil
                ? try file.read() : (try? file.read()) ?? Configuration()
        }

        /// The model that was given or is configured, otherwise the learned one; nil: there is
        /// none.
        func model(_ path: String?, _ settings: Configuration) throws -> Model? {
            let directory = given ?? settings.monitor.stateDirectory
            let file = path ?? settings.model ?? Monitor.learnedModelPath(in: directory)
            guard path != nil || FileManager.default.fileExists(atPath: file) else { return nil }
            return try ModelStore.readForJudging(file, inventory: nil)
        }

        /// The target, or those of the workload with this name.
        func targets(of text: String) async throws -> NamedWorkloads.Named {
            if let target = QuarantineTarget(text) { return .init(targets: [target]) }
            var settings = try settings()
            settings.monitor.workloads.environment = ProcessInfo.processInfo.environment
            let names = try await NamedWorkloads(
                settings.monitor.workloads, inventory: settings.inventory,
                model: try model(nil, settings))
            return try names.resolve(text)
        }

        /// The owner of the rules.
        func quarantine() async throws -> Place {
            let settings = try settings()
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

        /// Every rule, with the kernel's counters.
        func rules() async throws -> RuleListing {
            try await ask {
                RuleListing(rules: try await $0.rules())
            } orAlone: {
                try $0.list(now: Clock.now())
            }
        }

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
}
