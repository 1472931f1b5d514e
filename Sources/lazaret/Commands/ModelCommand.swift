import AnomalyDetection
import AnomalyModel
import ArgumentParser
import ModelFiles

struct ModelCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "model", abstract: "Show, compare and check model files.",
        subcommands: [Show.self, Diff.self, Verify.self, Features.self])

    struct Show: ParsableCommand {
        static let configuration = CommandConfiguration(abstract: "Show what a model has learned.")

        @Argument var model: String
        @Flag(help: "Print the file's manifest as JSON.")
        var manifest = false

        func run() throws {
            let model = try ModelStore.read(model)
            try Output.write(
                manifest ? model.manifest : ModelReport.text(model, withGraph: true), to: nil)
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
