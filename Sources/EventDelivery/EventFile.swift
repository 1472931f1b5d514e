internal import Glibc
internal import SystemSupport

/// A file to which whole lines are appended, and which is rotated at a size; or standard output.
struct EventFile: SinkDriver {
    let path: String
    private let rotation: DeliveryOptions.Rotation?
    private var file: Descriptor
    /// Bytes in the file; nil if it cannot be rotated.
    private var size: Int?
    private var needsNewline = false

    /// Opens `path`; a new file is readable only by its owner; `-` is standard output.
    init(path: String, rotation: DeliveryOptions.Rotation?) throws(DeliveryError) {
        self.path = path
        self.rotation = rotation
        file = Descriptor(1)
        try reopen()
    }

    /// Reopens the path after log rotation; the old file stays in use where that fails.
    ///
    /// - Throws: the system's error; an error for a symbolic link, which is not followed: a user
    ///   who may write to the directory could choose the file that root appends to.
    mutating func reopen() throws(DeliveryError) {
        guard path != "-" else { return }
        do throws(IOError) {
            switch try OutputPlace.at(path) {
            case .special(let stream):
                file = stream
                size = nil
                return
            case .file:
                // SAFETY: the pointer is valid for the call.
                let made = unsafe open(
                    path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0o600)
                guard made >= 0 else { throw IOError(output: path, code: errno) }
                file = Descriptor(made)
            }
        } catch {
            throw DeliveryError(error)
        }
        var facts = stat()
        // SAFETY: the structure is valid for the call.
        guard unsafe fstat(file.number, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else {
            size = nil
            return
        }
        size = Int(facts.st_size)
        needsNewline = endsWithinLine(size ?? 0)
    }

    /// Whether the last line is incomplete, because a program was killed or the disk was full.
    private func endsWithinLine(_ size: Int) -> Bool {
        guard size > 0 else { return false }
        // SAFETY: the path and the byte are valid for the call.
        let reader = Descriptor(unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW))
        var last: UInt8 = 10
        return unsafe reader.number >= 0 && pread(reader.number, &last, 1, size - 1) == 1
            && last != 10
    }

    mutating func deliver(
        _ events: ArraySlice<QueuedEvent>, _ statistics: SinkStatistics
    ) -> Delivery {
        var delivery = Delivery()
        var next = events.startIndex
        while next < events.endIndex {
            // As many whole lines as the file can hold, half a megabyte at a time.
            var bytes: [UInt8] = needsNewline ? [10] : []
            var end = next
            while end < events.endIndex {
                let line = events[end].line.utf8
                if end > next, bytes.count + line.count >= 1 << 19 || outgrows(bytes, line) {
                    break
                }
                if end == next, outgrows(bytes, line), (size ?? 0) > 0 {
                    if let trouble = rotate() { delivery.trouble = trouble } else { bytes = [] }
                }
                bytes += line
                bytes.append(10)
                end += 1
            }
            if let trouble = write(bytes) {
                delivery.trouble = trouble
                return delivery
            }
            let count = end - next
            statistics.change { $0.written += UInt64(count) }
            delivery.settled += count
            next = end
        }
        return delivery
    }

    private func outgrows(_ bytes: [UInt8], _ line: String.UTF8View) -> Bool {
        guard let rotation, let size else { return false }
        return size + bytes.count + line.count + 1 > rotation.size
    }

    /// Renames each file to the next number, and starts a new one.
    ///
    /// - Returns: the reason if that fails; further events are appended to the old file
    ///   nevertheless.
    private mutating func rotate() -> String? {
        guard let rotation else { return nil }
        func name(_ number: Int) -> String { number == 0 ? path : "\(path).\(number)" }
        for number in (0..<rotation.kept).reversed() {
            // SAFETY: the pointers are valid for the call.
            if unsafe rename(name(number), name(number + 1)) != 0, errno != ENOENT {
                return "cannot be rotated: \(DeliveryError.text(errno))"
            }
        }
        do { try reopen() } catch { return "cannot be rotated: \(error.reason)" }
        return nil
    }

    /// Writes all of the bytes or, if the file can be truncated, none.
    private mutating func write(_ bytes: [UInt8]) -> String? {
        var offset = 0
        while offset < bytes.count {
            // SAFETY: the range is within the array.
            let count = unsafe bytes.withUnsafeBytes { buffer in
                unsafe Glibc.write(
                    file.number, buffer.baseAddress.unsafelyUnwrapped + offset,
                    buffer.count - offset)
            }
            if count > 0 {
                offset += count
                continue
            }
            if count < 0, errno == EINTR { continue }
            let code = errno
            // A partial write is removed, so that the file contains whole lines only.
            if offset > 0 {
                needsNewline = size.map { ftruncate(file.number, $0) != 0 } ?? true
            }
            return DeliveryError.text(code)
        }
        needsNewline = false
        if let size { self.size = size + bytes.count }
        return nil
    }
}
