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
        let line = message.split(separator: "\n").joined(separator: " ")
        let hint = isUsage ? "; see 'lazaret --help'" : ""
        printError("\(line)\(hint)")
        Glibc.exit(isUsage || isOfConfiguration(error) ? 2 : 1)
    }
}
