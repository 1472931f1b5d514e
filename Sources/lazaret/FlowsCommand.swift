import ArgumentParser
import FlowMetering
import Glibc
import PacketCapture
import Pipeline
import Reporting

struct FlowsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "flows", abstract: "Meters captures and writes their flows.")

    @Option(name: .customShort("r"), help: "A capture file; - is standard input.")
    var files: [String] = []
    @Option var format = "eve"
    @Argument(parsing: .remaining) var filter: [String] = []

    func run() throws {
        var options = FlowExport.Options()
        options.format = FlowFormat(rawValue: format) ?? .eve
        options.capture.filter = filter.joined(separator: " ")
        do {
            let outcome = try FlowExport(options: options).run(files: files, output: FlowOutput())
            for warning in outcome.warnings { complain("\(warning)") }
        } catch {
            complain("\(error)")
            throw ExitCode(1)
        }
    }
}

/// One line on standard error.
func complain(_ text: String) {
    let line = Array("lazaret: \(text)\n".utf8)
    _ = line.withUnsafeBytes { write(2, $0.baseAddress, $0.count) }
}
