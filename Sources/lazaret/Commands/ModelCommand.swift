import AnomalyDetection
import AnomalyModel
import ArgumentParser
import ModelFiles
import PacketCapture
import SystemPackage
import SystemSupport
import TextFormats

struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Show, compare, check and extend model files.",
        subcommands: [Show.self, Diff.self, Approve.self, Verify.self, Features.self])

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what a model has learned.")

        @Argument var model: String
        @Flag(help: "Print the file's manifest as JSON.")
        var manifest = false

        func run() throws {
            let model = try ModelStore.read(model)
            try Output.write(
                manifest
                    ? model.manifest
                    : ModelReport.text(
                        model, LearningQuality(model), withGraph: true), to: nil)
        }
    }

    struct Diff: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Show the differences between two models.")

        @Argument var old: String
        @Argument var new: String

        func run() throws {
            try Output.write(
                ModelReport.difference(try ModelStore.read(old), try ModelStore.read(new)), to: nil)
        }
    }

    struct Approve: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Write a model that contains reviewed findings of 'lazaret check'.",
            discussion: """
                Contacts, outside addresses and names of the file are added and listed; delete \
                from it what the review refuses. Volumes are not added: a training learns them.
                """)

        @Argument(help: "Model that the findings are of.")
        var model: String
        @Argument(help: "File of 'lazaret check --format json'.")
        var findings: String
        @OptionGroup var inventory: InventoryInput
        @Option(name: [.short, .long], help: ArgumentHelp("Model to write.", valueName: "file"))
        var output: String

        func run() throws {
            Signals.installInterruption()
            let model = try ModelStore.read(self.model)
            let reviewed = try ReviewedFindings(path: findings)
            let (approved, accepted) = try reviewed.added(
                to: model, inventory: try inventory.read() ?? model.provenance.inventory)
            guard !Interruption.isRequested else { throw CaptureError.interrupted }
            try checkUnchanged(model)
            let written = try ModelStore.write(approved, to: output)
            let lines =
                accepted.map { "+ \($0)" } + [
                    "\(output): model \(written.identifier)"
                ]
            try Output.write(lines.map(\.printable).joined(separator: "\n") + "\n", to: nil)
            if reviewed.volumeCount > 0 {
                Output.warn("volumes are not accepted; train again to learn them")
            }
        }

        /// Checks that the output does not replace another model than the one that was extended.
        private func checkUnchanged(_ model: Model) throws {
            guard let old = try? Files.status(self.model), let new = try? Files.status(output),
                old.deviceID == new.deviceID, old.inode == new.inode,
                try ModelStore.read(output).identifier != model.identifier
            else { return }
            throw IOError.output(
                path: output, reason: "was replaced meanwhile; approve the findings of that model")
        }
    }

    struct Verify: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Check that model files are intact and supported by this version.")

        @Argument var models: [String]

        func run() throws {
            for path in models {
                let model = try ModelStore.read(path)
                try Output.write("\(path): whole, model \(model.identifier)\n", to: nil)
            }
        }
    }

    struct Features: ParsableCommand {
        static let configuration = CommandConfiguration(
            abstract: "Print the table of features, as Markdown.")

        func run() throws { try Output.write(FeatureReport.markdown, to: nil) }
    }
}
