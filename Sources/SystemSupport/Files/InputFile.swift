internal import Glibc
internal import SystemPackage
internal import Timestamps

/// An open file that another program replaces from time to time, read from its begin to its end,
/// and checked against changes meanwhile.
package struct InputFile: ~Copyable {
    /// What distinguishes a version of a file from others.
    package struct Version: Hashable, Sendable {
        package var device: UInt64
        package var inode: UInt64
        package var size: Int64
        package var modified: Int64
        package var modifiedNanoseconds: Int64
        package var changed: Int64
        package var changedNanoseconds: Int64

        init(_ status: Stat) {
            let facts = status.rawValue
            device = UInt64(facts.st_dev)
            inode = UInt64(facts.st_ino)
            size = Int64(facts.st_size)
            modified = Int64(facts.st_mtim.tv_sec)
            modifiedNanoseconds = Int64(facts.st_mtim.tv_nsec)
            changed = Int64(facts.st_ctim.tv_sec)
            changedNanoseconds = Int64(facts.st_ctim.tv_nsec)
        }

        /// Whether nothing was written in between. A file that was replaced or removed meanwhile
        /// has another time of change, and is whole.
        func hasContent(of other: Version) -> Bool {
            device == other.device && inode == other.inode && size == other.size
                && modified == other.modified && modifiedNanoseconds == other.modifiedNanoseconds
        }
    }

    private let file: OpenFile
    package let path: String
    package let version: Version
    private var readBytes: Int64 = 0

    /// - Parameter limit: the most bytes.
    /// - Throws: where it is no plain file, or too large. A pipe or device is neither read nor
    ///   waited for.
    package init(_ path: String, limit: Int64) throws(IOError) {
        let opened = try Self.open(path)
        let found = try Self.checkedVersion(of: opened, path, limit)
        file = opened
        version = found
        self.path = path
    }

    private static func open(_ path: String) throws(IOError) -> OpenFile {
        let status: Stat
        do throws(Errno) { status = try Files.status(path) } catch {
            throw .input(path: path, reason: "\(error)")
        }
        // Opening a device may already have an effect.
        try requirePlain(status, path)
        do throws(Errno) { return try OpenFile(path, .readOnly, [.nonBlocking]) } catch {
            throw .input(path: path, reason: "\(error)")
        }
    }

    private static func checkedVersion(
        of file: borrowing OpenFile, _ path: String, _ limit: Int64
    ) throws(IOError) -> Version {
        let status: Stat
        do throws(Errno) { status = try file.status() } catch {
            throw .input(path: path, reason: "\(error)")
        }
        try requirePlain(status, path)
        let version = Version(status)
        guard version.size <= limit else {
            throw .input(
                path: path,
                reason: "has \(version.size) bytes; at most \(limit >> 20) MiB are read")
        }
        return version
    }

    private static func requirePlain(_ status: Stat, _ path: String) throws(IOError) {
        guard !status.isPlainFile else { return }
        throw .input(path: path, reason: status.isFolder ? "is a directory" : "is no plain file")
    }

    /// The seconds since 1970 at which the file was written; a time in the future would never be
    /// old.
    package var modified: UInt32 {
        UInt32(clamping: min(version.modified, Int64(Clock.now().second)))
    }

    /// Reads some bytes; 0 at the end.
    ///
    /// - Throws: where it is another file at its end than at its begin.
    package mutating func read(into buffer: inout [UInt8]) throws(IOError) -> Int {
        do throws(Errno) {
            let count = try file.read(into: &buffer)
            readBytes += Int64(count)
            let isEnd = count == 0
            guard readBytes > version.size || isEnd else { return count }
            guard readBytes == version.size, try Version(file.status()).hasContent(of: version)
            else {
                throw Errno.resourceTemporarilyUnavailable
            }
            return count
        } catch Errno.resourceTemporarilyUnavailable {
            throw .input(path: path, reason: "was changed while it was read")
        } catch {
            throw .input(path: path, reason: "\(error)")
        }
    }

    /// Reads the rest of the file after `begin`.
    package mutating func readToEnd(after begin: ArraySlice<UInt8> = []) throws(IOError) -> [UInt8]
    {
        var bytes = Array(begin)
        bytes.reserveCapacity(Int(version.size))
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while true {
            let count = try read(into: &buffer)
            if count == 0 { return bytes }
            bytes += buffer[..<count]
        }
    }

    /// The whole of a file that is expected once: nobody waits for a pipe's writer, and nothing is
    /// half of one version and half of another.
    ///
    /// - Parameter limit: the most bytes.
    package static func bytes(of path: String, limit: Int64) throws(IOError) -> [UInt8] {
        var file = try InputFile(path, limit: limit)
        return try file.readToEnd()
    }

    /// The version of a file as it is now; nil if there is none.
    package static func version(_ path: String) -> Version? {
        (try? Files.status(path)).map(Version.init)
    }

    /// The most files of a folder.
    package static let mostFiles = 1000

    /// The names of the files in a folder, in order: without hidden files and copies that are being
    /// written.
    ///
    /// - Returns: nil where the path is no folder; a file that is absent is reported when it is
    ///   opened.
    /// - Throws: for more than `mostFiles`.
    package static func names(inFolder path: String) throws(IOError) -> [String]? {
        guard let status = try? Files.status(path), status.isFolder else { return nil }
        let names: [String]
        do throws(Errno) {
            names = try Files.names(in: OpenFile(path, .readOnly, [.directory])).filter { name in
                !name.hasPrefix(".")
                    && ![".tmp", ".part", ".new", "~"].contains { name.hasSuffix($0) }
                    && (try? Files.status("\(path)/\(name)").isFolder) != true
            }
        } catch {
            throw .input(path: path, reason: "\(error)")
        }
        guard names.count <= mostFiles else {
            throw .input(path: path, reason: "has more than \(mostFiles) files")
        }
        return names.sorted()
    }
}
