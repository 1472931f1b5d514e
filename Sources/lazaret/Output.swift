import FoundationEssentials
import Glibc
import SystemPackage
import SystemSupport
import TextFormats

/// Writes a command's result to standard output, or atomically to a file.
enum Output {
    /// Writes `text` to `path`, or to standard output.
    ///
    /// - Throws: the system's message, with the file's name; `ReaderIsGone`.
    static func write(
        _ text: String, to path: String?, access: OutputFile.Access = .owner
    ) throws {
        if let path, path != "-" {
            try OutputFile.replace(path, with: Array(text.utf8), access: access)
            return
        }
        do { try OpenFile(owning: .standardOutput).write(Array(text.utf8)) } catch {
            if error == .brokenPipe { throw ReaderIsGone() }
            throw IOError(output: "standard output", error)
        }
    }

    /// Writes a warning to standard error.
    static func warn(_ text: String) {
        printError("warning: \(text)")
    }

    /// Whether standard output is a terminal that accepts colours.
    static var isColoured: Bool {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
    }
}

/// Nobody reads standard output any more: it was `head`, or a pager that was left.
struct ReaderIsGone: Error {
    /// Ends the program without a word, by SIGPIPE as other programs: a shell has the status 141.
    static func end() -> Never {
        signal(SIGPIPE, SIG_DFL)
        raise(SIGPIPE)
        // The signal is blocked.
        exit(128 + SIGPIPE)
    }
}

/// Writes the reason of a failure as one line to standard error.
func printError(_ text: String) { StandardError.write("lazaret: \(text.printable)\n") }
