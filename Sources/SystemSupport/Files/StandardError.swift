import Glibc

/// Standard error, where nobody may be listening: what cannot be told there must not end the program.
public enum StandardError {
    public static func write(_ text: String) {
        _ = WholeWrite.write(Array(text.utf8), to: STDERR_FILENO)
    }
}
