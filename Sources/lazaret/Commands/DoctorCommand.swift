import ArgumentParser
import Monitor
import Settings

/// Checks whether a monitor can run here.
struct DoctorCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor",
        abstract: "Check this node before a monitor runs on it, and report what to fix.",
        discussion:
            """
            Exits with 1 if something prevents the monitor from starting, from capturing or from \
            fencing.
            """)

    @OptionGroup var file: ConfigurationInput

    @Option(
        name: .customShort("i"),
        help: ArgumentHelp("Interface to check; may be repeated.", valueName: "interface"))
    var interfaces: [String] = []

    @Option(name: [.short, .long], help: "Model to check.")
    var model: String?

    func run() async throws {
        var settings = try file.readForCheck()
        if !interfaces.isEmpty { settings.monitor.interfaces = interfaces }
        settings.model = model ?? settings.model
        var doctor = Doctor(configuration: settings)
        let findings = await doctor.examine()
        let width = findings.map(\.subject.count).max() ?? 0
        let lines = findings.map { finding in
            let grade = finding.grade.rawValue
            return grade + String(repeating: " ", count: 9 - grade.count) + finding.subject
                + String(repeating: " ", count: width - finding.subject.count + 2) + finding.text
        }
        try Output.write(lines.joined(separator: "\n") + "\n", to: nil)
        if findings.contains(where: { $0.grade == .error }) { throw ExitCode(1) }
    }
}
