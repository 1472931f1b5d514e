import FoundationEssentials
import Glibc
import SystemSupport
import TextFormats

/// Where a command's result goes: a file that is whole or not there, or standard output.
enum Output {
    /// Writes `text` to `path`, or to standard output.
    ///
    /// - Throws: the system's words, with the file's name.
    static func write(
        _ text: String, to path: String?, access: OutputFile.Access = .owner
    ) throws {
        let data = Data(text.utf8)
        if let path, path != "-" {
            try OutputFile.replace(path, with: Array(text.utf8), access: access)
            return
        }
        var offset = 0
        while offset < data.count {
            let count = data.withUnsafeBytes { bytes in
                Glibc.write(STDOUT_FILENO, bytes.baseAddress! + offset, data.count - offset)
            }
            guard count > 0 else {
                if errno == EINTR { continue }
                throw IOError.output(
                    path: "standard output", reason: String(cString: strerror(errno)))
            }
            offset += count
        }
    }

    /// A line on standard error.
    static func warn(_ text: String) {
        printError("warning: \(text)")
    }

    /// Whether standard output is a terminal that wants colours.
    static var isColoured: Bool {
        isatty(STDOUT_FILENO) == 1 && ProcessInfo.processInfo.environment["NO_COLOR"] == nil
    }
}

/// Why a command failed, as one line on standard error.
func printError(_ text: String) { StandardError.write("lazaret: \(text.printable)\n") }
