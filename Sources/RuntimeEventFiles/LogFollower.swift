internal import Glibc
import RuntimeEvents
internal import SystemPackage
internal import SystemSupport

/// Follows a file that another program writes, as `tail -F` does: also when it is renamed,
/// replaced or cut, and when it comes later.
public final class LogFollower {
    /// Where reading goes on after a restart.
    public struct Position: Equatable, Sendable, LosslessStringConvertible {
        var device: UInt64
        var inode: UInt64
        var offset: Int64

        init(_ status: Stat, offset: Int64) {
            device = UInt64(status.rawValue.st_dev)
            inode = UInt64(status.rawValue.st_ino)
            self.offset = offset
        }

        public init?(_ description: String) {
            let parts = description.split(separator: " ")
            guard parts.count == 3, let device = UInt64(parts[0]), let inode = UInt64(parts[1]),
                let offset = Int64(parts[2]), offset >= 0
            else { return nil }
            (self.device, self.inode, self.offset) = (device, inode, offset)
        }

        public var description: String { "\(device) \(inode) \(offset)" }
    }

    /// The most bytes of one call of `read`.
    static let mostBytes = 1 << 20
    private static let chunk = 64 << 10

    public let path: String
    /// The position after the last whole line; nil before the file was opened.
    public private(set) var position: Position?
    /// Why the file is not read; nil: it is.
    public private(set) var trouble: String?
    public var reader: RuntimeEventReader
    private var file: OpenFile?
    private var identity: Position?
    private var offset: Int64 = 0
    private var lines = LineBuffer()
    private var start: Start

    private enum Start {
        /// The first look: what is in the file already is old.
        case atEnd
        case at(Position)
        /// A file that came later is read from its beginning.
        case atBeginning
    }

    /// - Parameter position: of an earlier run; nil: the file is read from its end.
    public init(path: String, reader: RuntimeEventReader, from position: Position?) {
        self.path = path
        self.reader = reader
        start = position.map(Start.at) ?? .atEnd
    }

    /// Reads what is new, a part of it where it is much.
    public func read() -> [ReportedEvent] {
        var events: [ReportedEvent] = []
        do throws(Errno) {
            if file == nil { try open() }
            events = try readOn()
            if try isReplaced() {
                // What was written between the last read and the renaming.
                events += try readOn()
                lines.cut(&reader)
                file = nil
                try open()
                events += try readOn()
            }
            trouble = nil
        } catch {
            // A file that comes later is read from its beginning.
            if file == nil { start = .atBeginning }
            trouble =
                error == .invalidArgument
                ? "\(path): is no plain file"
                : "\(path): \(error == .noSuchFileOrDirectory ? "is not there" : "\(error)")"
        }
        return events
    }

    private func open() throws(Errno) {
        // Opening a device may already have an effect.
        guard try Files.status(path).isPlainFile else { throw .invalidArgument }
        let opened = try OpenFile(path, .readOnly, [.nonBlocking])
        let status = try opened.status()
        guard status.isPlainFile else { throw .invalidArgument }
        let size = Int64(status.size)
        let found = Position(status, offset: 0)
        switch start {
        case .atBeginning: offset = 0
        case .atEnd: offset = size
        case .at(let known):
            let isSame = known.device == found.device && known.inode == found.inode
            offset = isSame && known.offset <= size ? known.offset : 0
        }
        // In the middle of a line, its rest is left out.
        let isWhole = offset == 0 ? true : try opened.byte(at: Int(offset) - 1) == 10
        do { try opened.descriptor.seek(offset: offset, from: .start) } catch { throw .ioError }
        lines = LineBuffer(isSkipping: !isWhole)
        identity = found
        position = Position(status, offset: offset)
        file = consume opened
        start = .atBeginning
    }

    private func readOn() throws(Errno) -> [ReportedEvent] {
        var events: [ReportedEvent] = []
        var buffer = [UInt8](repeating: 0, count: Self.chunk)
        var total = 0
        while total < Self.mostBytes {
            guard let count = try file?.read(into: &buffer) else { return events }
            if count == 0 {
                guard let size = try file?.status().size, Int64(size) < offset else { break }
                // Cut and written again, as `copytruncate` of logrotate does.
                lines.cut(&reader)
                offset = 0
                do { try file?.descriptor.seek(offset: 0, from: .start) } catch { throw .ioError }
                position?.offset = 0
                continue
            }
            total += count
            offset += Int64(count)
            events += lines.add(buffer[..<count], &reader)
            if !lines.isSkipping { position?.offset = offset - Int64(lines.partCount) }
        }
        return events
    }

    /// Whether the path leads to another file by now. While it leads to none, the old one may still
    /// be written.
    private func isReplaced() throws(Errno) -> Bool {
        guard let identity, let status = try? Files.status(path) else { return false }
        let now = Position(status, offset: 0)
        return now.device != identity.device || now.inode != identity.inode
    }
}
