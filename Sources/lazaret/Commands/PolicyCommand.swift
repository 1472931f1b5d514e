import AnomalyModel
public import ArgumentParser
import LeastPrivilege
import ModelFiles
import Offline
import SystemSupport
import Workloads

/// Least privilege: the contacts of a baseline as rules of other programs.
struct PolicyCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "policy",
        abstract:
            "Write what a model's contacts allow as network policies, or check traffic by it.",
        subcommands: [Export.self, Check.self])

    /// The policy of a model.
    struct Baseline: ParsableArguments {
        /// Which outside addresses are allowed.
        enum Outside: String, ExpressibleByArgument, CaseIterable { case known, any }

        @Option(name: [.short, .long], help: "Model made by 'lazaret train'.")
        var model: String
        @OptionGroup var inventory: InventoryInput
        @Option(
            help:
                """
                Outside addresses that workloads with outside contacts may reach: those that the \
                training contains, or any.
                """
        )
        var outside: Outside = .known

        func read() throws -> (model: Model, policy: ContactPolicy, inventory: Inventory?) {
            let given = try inventory.read()
            let model = try ModelStore.readForJudging(self.model, inventory: given)
            do {
                let policy = try ContactPolicy(
                    of: model, inventory: given, allowsAnyOutside: outside == .any)
                return (model, policy, given)
            } catch {
                throw IOError.input(path: self.model, reason: "\(error)")
            }
        }
    }

    struct Export: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write the contacts of a model as network policies.",
            discussion: """
                kubernetes: one NetworkPolicy for each workload. compose: networks by which only \
                services with contacts reach each other. nft: sets of allowed pairs in tables of \
                their own. Nothing is loaded; the file says how to check, load and undo it.
                """)

        @OptionGroup var baseline: Baseline
        @Option(help: "The program that is to read the file.")
        var format: PolicyFormat
        @Option(
            help: ArgumentHelp(
                "Kubernetes: namespace of workloads whose name has none.", valueName: "name"))
        var namespace: String = "default"
        @Option(
            help: ArgumentHelp(
                "Compose: write the services of this project only.", valueName: "name"))
        var project: String?
        @Option(name: [.short, .long], help: ArgumentHelp("Output file.", valueName: "file"))
        var output: String?

        func validate() throws {
            guard KubernetesPolicies.isNamespace(namespace) else {
                throw ValidationError(
                    "--namespace '\(namespace)': lower-case letters, digits and hyphens, at most 63"
                )
            }
        }

        func run() throws {
            let policy = try baseline.read().policy
            let written: PolicyText
            do {
                written =
                    switch format {
                    case .kubernetes:
                        try KubernetesPolicies.render(policy, namespace: namespace)
                    case .compose: try ComposeNetworks.render(policy, project: project)
                    case .nft: try NftPairs.render(policy)
                    }
            } catch {
                throw IOError.input(path: baseline.model, reason: "\(error)")
            }
            try Output.write(written.text, to: output)
            for remark in policy.remarks + written.remarks { Output.warn(remark) }
        }
    }

    struct Check: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show what of a capture the policy of a model would have blocked.",
            discussion: """
                Each flow is judged as a firewall would, by the addresses in its packets. Exit \
                code 3: something would have been blocked; 0: nothing; 1: nothing in a capture of \
                which not all could be read.
                """)

        enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

        @OptionGroup var input: CaptureInput
        @OptionGroup var baseline: Baseline
        @OptionGroup var notes: NotesInput
        @Option(help: "table: contacts as text; json: one object with all of them.")
        var format: Format = .table
        @Option(name: [.short, .long], help: ArgumentHelp("Output file.", valueName: "file"))
        var output: String?

        func run() throws {
            Signals.installInterruption()
            let (_, policy, given) = try baseline.read()
            var check = PolicyCheck(paths: input.files, policy: policy)
            check.filter = input.filter
            check.threads = input.threads
            check.inventory = given
            check.trustsNotes = notes.areTrusted
            var outcome = try check.run(progress: ProgressReport(label: "checking"))
            guard outcome.isWhole || outcome.isBlocking else {
                throw CheckError.incomplete(warnings: outcome.warnings)
            }
            outcome.warnings += policy.remarks
            for warning in outcome.warnings { Output.warn(warning) }
            let report = PolicyReport(outcome: outcome, modelID: policy.modelID)
            try Output.write(format == .json ? report.json + "\n" : report.text, to: output)
            if outcome.isBlocking { throw ExitCode(Failure.anomaliesFound) }
        }
    }
}

extension PolicyFormat: ExpressibleByArgument {}
