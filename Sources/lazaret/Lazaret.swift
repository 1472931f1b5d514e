import ArgumentParser
import Glibc
import SystemSupport
import TextFormats

/// The command line.
@main
struct Lazaret: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "lazaret",
        abstract: "Detect and explain anomalies in container traffic; quarantine offenders.",
        discussion: """
            Train on clean traffic, then analyse other traffic:
              lazaret train  -r clean.pcap -o node.model --inventory inventory.yaml
              lazaret replay -r suspect.pcap -m node.model --inventory inventory.yaml

            Exit codes: 0 done; 1 failed; 2 bad usage or configuration; 3 anomalies found (replay \
            with --exit-code), traffic that the policy forbids (policy check) or that the baseline \
            lacks (check), or findings (posture, images). When the reader of standard output has \
            gone, as with head, it ends silently by SIGPIPE (141).
            """,
        version: Version.text,
        subcommands: [
            FlowsCommand.self, TrainCommand.self, ReplayCommand.self, EvaluateCommand.self,
            CheckCommand.self, ModelCommand.self, PolicyCommand.self, PostureCommand.self,
            ImagesCommand.self, RiskCommand.self,
            MonitorCommand.self, StatusCommand.self, TopCommand.self,
            EventsCommand.self, IncidentsCommand.self, MuteCommand.self, ExplainCommand.self,
            FeedbackCommand.self, QuarantineCommand.self, EnforcementCommand.self,
            AuditCommand.self, ReportCommand.self, EraseCommand.self, InventoryCommand.self,
            IndicatorsCommand.self,
            ConfigCommand.self, NotifyCommand.self, DoctorCommand.self,
        ])

    /// Errors become one line on standard error and the documented exit codes.
    static func main() async {
        // A closed pipe is an error of the write, and must not end the program.
        signal(SIGPIPE, SIG_IGN)
        holdStandardStreams()
        do {
            var command = try parseAsRoot()
            if type(of: command) is any ReadsCaptures.Type { preferHugePages() }
            if var asynchronous = command as? any AsyncParsableCommand {
                try await asynchronous.run()
            } else {
                try command.run()
            }
        } catch {
            Failure.exit(with: error)
        }
    }

    /// Opens placeholders for standard streams that the caller has closed: otherwise the next
    /// opened file, such as the ledger, would receive their output. Writing to a placeholder fails,
    /// as it would on the closed stream.
    private static func holdStandardStreams() {
        for stream in STDIN_FILENO...STDERR_FILENO where fcntl(stream, F_GETFD) < 0 {
            _ = open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY)
        }
    }
}

/// A command that reads captures, and needs memory for all that is in them.
protocol ReadsCaptures {}
