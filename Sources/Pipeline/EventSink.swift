internal import Foundation

/// Where event lines go: a file that is appended to, or standard output. What cannot be written is
/// counted, told once, and never stops the program.
struct EventSink: ~Copyable {
    let path: String
    /// Lines that could not be written.
    private(set) var lost: UInt64 = 0
    private var descriptor: Int32 = -1
    private var isFailing = false

    /// Opens `path`; `-` is standard output.
    init(path: String) throws(PipelineError) {
        self.path = path
        descriptor = try Self.open(path)
    }

    deinit { if descriptor > 2 { close(descriptor) } }

    private static func open(_ path: String) throws(PipelineError) -> Int32 {
        guard path != "-" else { return 1 }
        // SAFETY: the path is lent for the call.
        let made = unsafe Foundation.open(
            path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
        guard made >= 0 else { throw .output(path: path, reason: reason(errno)) }
        return made
    }

    private static func reason(_ code: Int32) -> String {
        // SAFETY: the text is copied before another call could change it.
        unsafe String(cString: strerror(code))
    }

    /// Writes lines, each ended by a newline.
    ///
    /// - Returns: what to tell the operator, the first time that writing fails.
    mutating func write(_ lines: [String]) -> String? {
        guard !lines.isEmpty else { return nil }
        let bytes = Array((lines.joined(separator: "\n") + "\n").utf8)
        var offset = 0
        while offset < bytes.count {
            // SAFETY: the range lies in the array.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Foundation.write(
                    descriptor, buffer.baseAddress.unsafelyUnwrapped + offset, buffer.count - offset
                )
            }
            if count > 0 {
                offset += count
                continue
            }
            if count < 0, errno == EINTR { continue }
            let code = errno
            lost += UInt64(lines.count)
            defer { isFailing = true }
            return isFailing
                ? nil : "\(path): \(Self.reason(code)); events are lost until there is room"
        }
        isFailing = false
        return nil
    }

    /// Opens the path anew, for log rotation; the old file stays in use where that fails.
    mutating func reopen() throws(PipelineError) {
        let made = try Self.open(path)
        if descriptor > 2 { close(descriptor) }
        descriptor = made
    }
}
