import ArgumentParser
import ControlServer
import Settings

/// The control socket of the running monitor.
struct ControlInput: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Control socket of the running monitor; default: as configured.", valueName: "path")
    )
    var socket: String?
    @OptionGroup var file: ConfigurationInput

    func client() throws -> ControlClient {
        if let socket { return ControlClient(socket: socket) }
        guard let configured = try file.read().control.socket else {
            throw ValidationError(
                "control.socket is off in the configuration; name one with --socket")
        }
        return ControlClient(socket: configured)
    }
}
