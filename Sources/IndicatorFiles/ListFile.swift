internal import Glibc
internal import SystemPackage
import SystemSupport
import Timestamps

/// An open list, read from its begin to its end, and checked against changes meanwhile.
struct ListFile: ~Copyable {
    /// What distinguishes a version of a file from others.
    struct Version: Hashable, Sendable {
        var device: UInt64
        var inode: UInt64
        var size: Int64
        var modified: Int64
        var modifiedNanoseconds: Int64
        var changed: Int64
        var changedNanoseconds: Int64

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
    }

    /// The most bytes of a list; JSON takes more memory.
    static let mostBytes: Int64 = 256 << 20
    static let mostBytesOfJSON: Int64 = 32 << 20

    private let file: OpenFile
    let path: String
    let version: Version
    private var readBytes: Int64 = 0

    /// - Throws: where it is no plain file, or too large. A pipe or device is neither read nor
    ///   waited for.
    init(_ path: String) throws(IOError) {
        let opened = try Self.open(path)
        let found = try Self.checkedVersion(of: opened, path)
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
        guard status.isPlainFile else { throw .input(path: path, reason: "is no plain file") }
        do throws(Errno) { return try OpenFile(path, .readOnly, [.nonBlocking]) } catch {
            throw .input(path: path, reason: "\(error)")
        }
    }

    private static func checkedVersion(
        of file: borrowing OpenFile, _ path: String
    ) throws(IOError) -> Version {
        let status: Stat
        do throws(Errno) { status = try file.status() } catch {
            throw .input(path: path, reason: "\(error)")
        }
        guard status.isPlainFile else { throw .input(path: path, reason: "is no plain file") }
        let version = Version(status)
        guard version.size <= mostBytes else {
            throw .input(
                path: path,
                reason: "has \(version.size) bytes; a list has at most \(mostBytes >> 20) MiB")
        }
        return version
    }

    /// The seconds since 1970 at which the file was written; a time in the future would never be
    /// old.
    var modified: UInt32 { UInt32(clamping: min(version.modified, Int64(Clock.now().second))) }

    /// Reads some bytes; 0 at the end.
    ///
    /// - Throws: where it is another file at its end than at its begin.
    mutating func read(into buffer: inout [UInt8]) throws(IOError) -> Int {
        do throws(Errno) {
            let count = try file.read(into: &buffer)
            readBytes += Int64(count)
            let isEnd = count == 0
            guard readBytes > version.size || isEnd else { return count }
            guard readBytes == version.size, try Version(file.status()) == version else {
                throw Errno.resourceTemporarilyUnavailable
            }
            return count
        } catch Errno.resourceTemporarilyUnavailable {
            throw .input(path: path, reason: "was changed while it was read")
        } catch {
            throw .input(path: path, reason: "\(error)")
        }
    }

    /// The version of a file as it is now; nil if there is none.
    static func version(_ path: String) -> Version? {
        (try? Files.status(path)).map(Version.init)
    }
}
