import Glibc

/// Standard error. A failed write is ignored: it must not end the program.
public enum StandardError {
    public static func write(_ text: String) {
        _ = WholeWrite.write(Array(text.utf8), to: STDERR_FILENO)
    }
}
