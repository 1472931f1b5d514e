internal import Glibc
internal import SystemPackage
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
        do {
            try Files.makeFolder(directory)
            try Files.checkAccess(directory, R_OK | W_OK | X_OK)
        } catch {
            throw DeliveryError(sink: directory, reason: "\(error)")
        }
    }

    /// Loads the existing entries.
    mutating func load() {
        guard let folder = try? OpenFile(directory, .readOnly, .directory),
            let names = try? Files.names(in: folder)
        else { return }
        for name in names {
            if name.hasSuffix(".new") { try? Files.remove("\(directory)/\(name)") }
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
        guard let size = try? Files.status("\(directory)/\(name)").size else { return nil }
        let entry = Entry(
            time: Timestamp(nanoseconds: time), count: count, bytes: Self.blocks(Int(size)))
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
        do {
            let file = try OpenFile(temporary, .writeOnly, [.create, .truncate, .noFollow])
            try file.write(content)
            try file.sync()
            try Files.rename(temporary, to: path)
        } catch {
            try? Files.remove(temporary)
            throw DeliveryError(sink: path, reason: "\(error)")
        }
        try? OpenFile(directory, .readOnly, .directory).sync()
    }

    /// The lines of an entry; nil if they cannot be read.
    func lines(of entry: Entry) -> [String]? {
        guard
            let file = try? OpenFile("\(directory)/\(entry.name)", .readOnly, .noFollow),
            let content = try? file.readToEnd(limit: entry.bytes), content.last == 10
        else { return nil }
        let lines = content.split(separator: 10)
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
        try? Files.remove("\(directory)/\(entry.name)")
    }
}
