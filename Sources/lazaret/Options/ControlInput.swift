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
        if let socket {
            // The path is taken from the option, the monitor's user from the configuration.
            let user = file.path == nil ? (try? file.read())?.user : try file.read().user
            return ControlClient(socket: socket, user: user)
        }
        let settings = try file.read()
        guard let configured = settings.control.socket else {
            throw SocketIsOff()
        }
        return ControlClient(socket: configured, user: settings.user)
    }
}

/// The configuration has no control socket.
struct SocketIsOff: Error, CustomStringConvertible {
    var description: String {
        "control.socket is off in the configuration; name one with --socket"
    }
}
