import Foundation
import TestKit

/// A program on a pseudo-terminal of 80 columns and 24 rows.
enum Terminal {
    private static let script = """
        import fcntl, os, pty, select, struct, sys, termios
        steps = [step.split("=", 1) for step in sys.argv[1].split("|") if step]
        child, terminal = pty.fork()
        if child == 0:
            fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
            os.environ["TERM"] = "xterm"
            os.execvp(sys.argv[2], sys.argv[2:])
        seen = b""
        mark = 0
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:
                break
            if not part:
                break
            seen += part
            while steps and steps[0][0].encode() in seen[mark:]:
                mark = len(seen)
                os.write(terminal, steps.pop(0)[1].encode())
        sys.stdout.buffer.write(seen)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        """

    /// Runs the program to its end.
    ///
    /// - Parameter steps: each text that is waited for, with the keys that are pressed then.
    /// - Returns: what the terminal received; nil: the program failed.
    static func run(_ words: [String], steps: [(text: String, keys: String)] = []) -> String? {
        let plan = steps.map { "\($0.text)=\($0.keys)" }.joined(separator: "|")
        return try? Namespace.command(
            ["timeout", "300", "python3", "-c", script, plan, Run.binary.path] + words)
    }

    /// A line as it is seen, without colours.
    static func plain(_ line: some StringProtocol) -> String {
        String(line).replacing(/\u{1B}\[[0-9;?]*[A-Za-z]/, with: "").replacing("\r", with: "")
    }
}
