import ArgumentParser
import ControlServer
import FoundationEssentials
import Glibc
import SystemSupport

/// Shows the running monitor on the terminal, continuously updated.
struct TopCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "top",
        abstract:
            "Show rates, top talkers, fences and incidents of the running monitor, every second.",
        discussion: """
            Keys: q ends it, p pauses and continues, s, t, f and i show and hide status, top \
            talkers, fences and incidents, and the space bar updates at once. In a pipe, it \
            prints one screen.
            """)

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
                try await TopScreen.read(client).text(size: (80, 50), isColoured: false), to: nil)
        }
        Signals.install()
        // The alternate screen: the previous content of the terminal is restored afterwards.
        try Output.write("\u{1B}[?1049h\u{1B}[?25l", to: nil)
        defer { try? Output.write("\u{1B}[?25h\u{1B}[?1049l", to: nil) }
        let keys = KeyReader()
        defer { keys.restore() }
        var screen = try await TopScreen.read(client)
        // On a small screen, incidents have the room.
        var parts = Set(TopScreen.Part.allCases)
        if Self.size.rows < 32 { parts.remove(.talkers) }
        var isPaused = false
        while !Signals.shouldStop {
            let pause = isPaused ? "p continue (paused)" : "p pause"
            let text = screen.text(
                size: Self.size, isColoured: Output.isColoured, parts: parts,
                footer: "q quit  \(pause)  s status  t talkers  f fences  i incidents")
            try Output.write("\u{1B}[H\u{1B}[2J" + text.dropLast(), to: nil)
            switch try await key(from: keys) {
            case "q", "Q": return
            case "p", "P": isPaused.toggle()
            case let key? where TopScreen.Part(rawValue: key) != nil:
                let part = TopScreen.Part(rawValue: key) ?? .status
                if parts.remove(part) == nil { parts.insert(part) }
            case " ": screen = try await TopScreen.read(client)
            default: if !isPaused { screen = try await TopScreen.read(client, after: screen) }
            }
        }
    }

    /// Waits for a key, until the next update is due; nil: none came.
    private func key(from keys: KeyReader) async throws -> Character? {
        for _ in 0..<every * 10 where !Signals.shouldStop {
            if let key = keys.next() { return key }
            try await Task.sleep(for: .milliseconds(100))
        }
        return nil
    }

    private static var size: (columns: Int, rows: Int) {
        Terminal.size(of: STDOUT_FILENO) ?? (80, 24)
    }
}

/// Reads single keys from the terminal, without waiting and without showing them.
private final class KeyReader {
    private var before = termios()
    private let isTerminal: Bool

    init() {
        isTerminal = isatty(STDIN_FILENO) == 1 && tcgetattr(STDIN_FILENO, &before) == 0
        guard isTerminal else { return }
        var raw = before
        // Ctrl-C remains a signal.
        raw.c_lflag &= ~tcflag_t(ICANON | ECHO)
        tcsetattr(STDIN_FILENO, TCSANOW, &raw)
    }

    func restore() {
        if isTerminal { tcsetattr(STDIN_FILENO, TCSANOW, &before) }
    }

    /// The next key that was pressed; nil: none.
    func next() -> Character? {
        guard isTerminal else { return nil }
        var polled = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        var byte: UInt8 = 0
        guard poll(&polled, 1, 0) == 1, read(STDIN_FILENO, &byte, 1) == 1 else { return nil }
        return Character(UnicodeScalar(byte))
    }
}
