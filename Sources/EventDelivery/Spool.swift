internal import Glibc
internal import SystemSupport
internal import Timestamps

/// Events on disk until they are delivered, in files that are written atomically. If they exceed
/// the limit, the oldest files are deleted.
struct Spool: Sendable {
    /// One file of events that were written together.
    struct Entry: Sendable, Equatable {
        /// Later than every earlier entry's.
        var time: Timestamp
        var count: Int
        /// The size on disk.
        var bytes: Int

        var name: String {
            let digits = String(time.nanoseconds)
            return String(repeating: "0", count: max(0, 19 - digits.count)) + digits
                + "-\(count).jsonl"
        }
    }

    private let directory: String
    private let limit: Int
    private(set) var entries: [Entry] = []
    private var bytes = 0

    var count: Int { entries.reduce(0) { $0 + $1.count } }

    /// Creates the directory, with access for its owner only.
    init(directory: String, limit: Int) throws(DeliveryError) {
        self.directory = directory
        self.limit = limit
        // SAFETY: the pointer is valid for the call.
        if unsafe mkdir(directory, 0o700) != 0, errno != EEXIST {
            throw DeliveryError(sink: directory, code: errno)
        }
        guard unsafe access(directory, R_OK | W_OK | X_OK) == 0 else {
            throw DeliveryError(sink: directory, code: errno)
        }
    }

    /// Loads the existing entries.
    mutating func load() {
        // SAFETY: the pointer is valid for the call.
        guard let stream = unsafe opendir(directory) else { return }
        // SAFETY: only this function uses the stream, and closes it once.
        defer { unsafe _ = closedir(stream) }
        while let item = unsafe readdir(stream) {
            // SAFETY: the name ends with a zero and lives until the next call.
            let name = unsafe withUnsafeBytes(of: &item.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name.hasSuffix(".new") { _ = unsafe unlink("\(directory)/\(name)") }
            if let entry = entry(named: name) { entries.append(entry) }
        }
        entries.sort { $0.time < $1.time }
        bytes = entries.reduce(0) { $0 + $1.bytes }
    }

    private func entry(named name: String) -> Entry? {
        let parts = name.split(separator: "-")
        guard name.hasSuffix(".jsonl"), parts.count == 2, let time = Int64(parts[0]), time >= 0,
            let count = Int(parts[1].dropLast(6)), 1...1_000_000 ~= count
        else { return nil }
        var facts = stat()
        // SAFETY: the path and the structure are valid for the call.
        guard unsafe stat("\(directory)/\(name)", &facts) == 0 else { return nil }
        let entry = Entry(
            time: Timestamp(nanoseconds: time), count: count, bytes: Self.blocks(Int(facts.st_size))
        )
        return entry.name == name ? entry : nil
    }

    private static func blocks(_ size: Int) -> Int { (size + 4095) / 4096 * 4096 }

    /// Writes all the lines to a new file.
    ///
    /// - Parameter kept: the number of entries at the front that may not be deleted.
    /// - Returns: the number of events in deleted old files.
    mutating func append(
        _ lines: [String], now: Timestamp, keeping kept: Int
    ) throws(DeliveryError) -> Int {
        let content = Array((lines.joined(separator: "\n") + "\n").utf8)
        let entry = Entry(
            time: max(now, (entries.last?.time ?? .epoch) + .nanoseconds(1)), count: lines.count,
            bytes: Self.blocks(content.count))
        try write(content, to: "\(directory)/\(entry.name)")
        entries.append(entry)
        bytes += entry.bytes
        var dropped = 0
        while bytes > limit, entries.count > kept + 1 {
            dropped += entries[kept].count
            removeEntry(at: kept)
        }
        return dropped
    }

    private func write(_ content: [UInt8], to path: String) throws(DeliveryError) {
        let temporary = path + ".new"
        // SAFETY: the paths and bytes are valid for the calls.
        let file = Descriptor(
            unsafe open(
                temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0o600))
        guard file.number >= 0 else { throw DeliveryError(sink: path, code: errno) }
        var code: Int32 = 0
        let count = unsafe Glibc.write(file.number, content, content.count)
        if count != content.count {
            code = count < 0 ? errno : ENOSPC
        } else if unsafe fsync(file.number) != 0 || rename(temporary, path) != 0 {
            code = errno
        }
        guard code == 0 else {
            _ = unsafe unlink(temporary)
            throw DeliveryError(sink: path, code: code)
        }
        let folder = Descriptor(unsafe open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC))
        if folder.number >= 0 { fsync(folder.number) }
    }

    /// The lines of an entry; nil if they cannot be read.
    func lines(of entry: Entry) -> [String]? {
        let path = "\(directory)/\(entry.name)"
        // SAFETY: the path is valid for the call, and the array has the size that is passed.
        let file = Descriptor(unsafe open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW))
        guard file.number >= 0 else { return nil }
        var content = [UInt8](repeating: 0, count: entry.bytes)
        let count = unsafe read(file.number, &content, content.count)
        guard count > 0, content[count - 1] == 10 else { return nil }
        let lines = content[..<count].split(separator: 10)
        guard lines.count == entry.count else { return nil }
        return lines.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Removes the first entries.
    mutating func removeFirst(_ count: Int) {
        for _ in 0..<count { removeEntry(at: 0) }
    }

    mutating func removeEntry(at index: Int) {
        let entry = entries.remove(at: index)
        bytes -= entry.bytes
        // SAFETY: the pointer is valid for the call.
        _ = unsafe unlink("\(directory)/\(entry.name)")
    }
}
