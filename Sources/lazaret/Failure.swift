import ArgumentParser
import Glibc
import PacketCapture
import Settings
import SystemSupport
import Workloads

/// Reports an error and ends the program with the matching exit code.
enum Failure {
    /// Anomalies were found and `--exit-code` was given, or a check found something.
    static let anomaliesFound: Int32 = 3

    /// Whether the configuration is wrong, and not what was to be done.
    static func isOfConfiguration(_ error: any Error) -> Bool {
        error is ConfigurationError || error is ConfigurationFaults
            || error is KubernetesAccessError || error is SocketIsOff
    }

    static func exit(with error: any Error) -> Never {
        if error is ReaderIsGone { ReaderIsGone.end() }
        if let code = error as? ExitCode { Glibc.exit(code.rawValue) }
        if let faults = error as? ConfigurationFaults {
            for line in faults.lines { printError(line) }
            Glibc.exit(faults.isOfFile ? 2 : 1)
        }
        if case .some(.interrupted) = error as? CaptureError {
            printError("\(error)")
            Glibc.exit(Interruption.exitCode)
        }
        let code = Lazaret.exitCode(for: error)
        guard code != .success else { Lazaret.exit(withError: error) }
        let isUsage = code == .validationFailure
        // ArgumentParser adds the usage on further lines; the first one states the error.
        let message = isUsage ? Lazaret.message(for: error) : "\(error)"
        printError(isUsage ? usage(message) : lines(of: message).joined(separator: " "))
        Glibc.exit(isUsage || isOfConfiguration(error) ? 2 : 1)
    }

    private static func lines(of message: String) -> [String] {
        message.split(separator: "\n").map { $0.drop { $0 == " " } }.map(String.init)
    }

    /// A message about the command line as one sentence, with the help to look at.
    private static func usage(_ message: String) -> String {
        let all = lines(of: message)
        let choices = all.filter { $0.hasPrefix("- ") }.map { String($0.dropFirst(2)) }
        var text = all.filter { !$0.hasPrefix("- ") }.joined(separator: " ")
        if !choices.isEmpty { text += " " + choices.joined(separator: ", ") }
        if text.hasSuffix(".") { text.removeLast() }
        return "\(text); see '\(command) --help'"
    }

    /// The command and subcommands that were typed.
    private static var command: String {
        var words = ["lazaret"]
        var known = Lazaret.configuration.subcommands
        for word in CommandLine.arguments.dropFirst() {
            guard let next = known.first(where: { $0._commandName == word }) else { break }
            words.append(word)
            known = next.configuration.subcommands
        }
        return words.joined(separator: " ")
    }
}
