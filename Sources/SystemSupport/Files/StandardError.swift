internal import SystemPackage

/// Standard error. A failed write is ignored: it must not end the program.
public enum StandardError {
    public static func write(_ text: String) {
        _ = OpenFile(owning: .standardError).writeAll(Array(text.utf8).span)
    }
}
