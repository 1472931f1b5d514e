internal import SystemPackage
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
        file = Descriptor(OpenFile(owning: .standardOutput))
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
                do {
                    file = Descriptor(
                        try OpenFile(path, .writeOnly, [.create, .append, .noFollow]))
                } catch { throw IOError(output: path, error) }
            }
        } catch {
            throw DeliveryError(error)
        }
        guard let facts = try? file.file.status(), facts.type == .regular else {
            size = nil
            return
        }
        size = Int(facts.size)
        needsNewline = endsWithinLine(size ?? 0)
    }

    /// Whether the last line is incomplete, because a program was killed or the disk was full.
    private func endsWithinLine(_ size: Int) -> Bool {
        guard size > 0 else { return false }
        guard let reader = try? OpenFile(path, .readOnly, .noFollow),
            let last = try? reader.byte(at: size - 1)
        else { return false }
        return last != 10
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
            do { try Files.rename(name(number), to: name(number + 1)) } catch {
                guard error == .noSuchFileOrDirectory else { return "cannot be rotated: \(error)" }
            }
        }
        do { try reopen() } catch { return "cannot be rotated: \(error.reason)" }
        return nil
    }

    /// Writes all of the bytes or, if the file can be truncated, none.
    private mutating func write(_ bytes: [UInt8]) -> String? {
        let (count, failure) = file.file.writeAll(bytes.span)
        if let failure {
            // A partial write is removed, so that the file contains whole lines only.
            if count > 0 { needsNewline = size.map { !truncate(to: $0) } ?? true }
            return "\(failure)"
        }
        needsNewline = false
        if let size { self.size = size + bytes.count }
        return nil
    }

    private func truncate(to size: Int) -> Bool { (try? file.file.resize(to: size)) != nil }
}
