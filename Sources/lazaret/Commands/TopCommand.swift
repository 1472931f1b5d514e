import ArgumentParser
import ControlServer
import FoundationEssentials
import Glibc

/// Shows the running monitor on the terminal, continuously updated.
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract: "Show rates, incidents and fences of the running monitor, every second.",
        discussion: "Ctrl-C ends it. In a pipe, it prints one screen.")

    @OptionGroup var control: ControlInput
    @Option(parsing: .unconditional, help: "Seconds between updates.")
    var every = 1

    func validate() throws {
        guard (1...3600).contains(every) else { throw ValidationError("--every must be 1 to 3600") }
    }

    func run() async throws {
        let client = try control.client()
        guard isatty(STDOUT_FILENO) == 1 else {
            return try Output.write(
                try await TopScreen.read(client).text(size: (100, 50), isColoured: false), to: nil)
        }
        Signals.install()
        // The alternate screen: the previous content of the terminal is restored afterwards.
        try Output.write("\u{1B}[?1049h\u{1B}[?25l", to: nil)
        defer { try? Output.write("\u{1B}[?25h\u{1B}[?1049l", to: nil) }
        while !Signals.shouldStop {
            let screen = try await TopScreen.read(client)
            let text = screen.text(size: Self.size, isColoured: Output.isColoured)
            try Output.write("\u{1B}[H\u{1B}[2J" + text.dropLast(), to: nil)
            for _ in 0..<every * 10 where !Signals.shouldStop {
                try await Task.sleep(for: .milliseconds(100))
            }
        }
    }

    private static var size: (columns: Int, rows: Int) {
        var size = winsize()
        guard ioctl(STDOUT_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 0 else {
            return (80, 24)
        }
        return (Int(size.ws_col), Int(size.ws_row))
    }
}
