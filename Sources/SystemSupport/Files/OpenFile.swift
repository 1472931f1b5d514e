internal import Glibc
package import SystemPackage

/// Owns an open file and closes it once. Standard streams stay open.
package struct OpenFile: ~Copyable, Sendable {
    package let descriptor: FileDescriptor

    /// The descriptor as a number.
    package var number: Int32 { descriptor.rawValue }

    /// - Parameter descriptor: it is closed by the new owner.
    package init(owning descriptor: FileDescriptor) { self.descriptor = descriptor }

    /// Opens a file; programs that this process starts do not inherit it.
    ///
    /// - Parameter permissions: of a new file.
    /// - Throws: the error of open(2).
    package init(
        _ path: String, _ mode: FileDescriptor.AccessMode,
        _ options: FileDescriptor.OpenOptions = [],
        permissions: FilePermissions = .ownerReadWrite
    ) throws(Errno) {
        do {
            descriptor = try FileDescriptor.open(
                FilePath(path), mode, options: options.union(.closeOnExec), permissions: permissions
            )
        } catch {
            throw Errno(error)
        }
    }

    /// Opens a file by its name in an open folder (openat(2)).
    package init(
        _ name: String, in folder: borrowing OpenFile, _ mode: FileDescriptor.AccessMode,
        _ options: FileDescriptor.OpenOptions
    ) throws(Errno) {
        let flags = mode.rawValue | options.union(.closeOnExec).rawValue
        // SAFETY: the name is valid for the call.
        let number = unsafe openat(folder.number, name, flags)
        guard number >= 0 else { throw .last }
        descriptor = FileDescriptor(rawValue: number)
    }

    /// Duplicates the descriptor of an open file such as standard input, which stays open.
    package init(copyOf other: FileDescriptor) throws(Errno) {
        let number = fcntl(other.rawValue, F_DUPFD_CLOEXEC, 3)
        guard number >= 0 else { throw .last }
        descriptor = FileDescriptor(rawValue: number)
    }

    deinit { if number > 2 { try? descriptor.close() } }

    package func status() throws(Errno) -> Stat { try Stat(descriptor) }

    /// Reads available bytes to the start of `buffer`; blocks until there are some.
    ///
    /// - Returns: the number of bytes; 0 at the end.
    package func read(into buffer: inout [UInt8]) throws(Errno) -> Int {
        do {
            // SAFETY: the buffer has the size that is passed.
            return unsafe try buffer.withUnsafeMutableBytes { unsafe try descriptor.read(into: $0) }
        } catch {
            throw Errno(error)
        }
    }

    /// The byte at a position; nil at the end.
    package func byte(at position: Int) throws(Errno) -> UInt8? {
        var byte: UInt8 = 0
        do {
            // SAFETY: the buffer has the size that is passed.
            let count = unsafe try withUnsafeMutableBytes(of: &byte) { bytes in
                unsafe try descriptor.read(fromAbsoluteOffset: Int64(position), into: bytes)
            }
            return count == 1 ? byte : nil
        } catch {
            throw Errno(error)
        }
    }

    /// Writes all of `bytes`.
    package func write(_ bytes: Span<UInt8>) throws(Errno) {
        if let failure = writeAll(bytes).failure { throw failure }
    }

    package func write(_ bytes: [UInt8]) throws(Errno) { try write(bytes.span) }

    /// Writes all of `bytes`.
    ///
    /// - Returns: the number of written bytes, and the error if that is not all of them.
    package func writeAll(_ bytes: Span<UInt8>) -> (count: Int, failure: Errno?) {
        var rest = bytes
        while !rest.isEmpty {
            do {
                // SAFETY: the range is within the span.
                let count = unsafe try rest.withUnsafeBytes { unsafe try descriptor.write($0) }
                guard count > 0 else { return (bytes.count - rest.count, .ioError) }
                rest = rest.extracting(count...)
            } catch {
                return (bytes.count - rest.count, Errno(error))
            }
        }
        return (bytes.count, nil)
    }

    /// Changes the size of the file.
    package func resize(to size: Int) throws(Errno) {
        do { try descriptor.resize(to: Int64(size)) } catch { throw Errno(error) }
    }

    /// Waits until the file is on disk (fsync(2)).
    package func sync() throws(Errno) { try Errno.check(fsync(number)) }

    /// Gives the file to another user.
    package func changeOwner(user: UInt32, group: UInt32) throws(Errno) {
        try Errno.check(fchown(number, user, group))
    }

    package func changePermissions(_ permissions: FilePermissions) throws(Errno) {
        try Errno.check(fchmod(number, permissions.rawValue))
    }

    /// Locks the file for this process (flock(2)).
    ///
    /// - Throws: `.wouldBlock` if another process has locked it.
    package func lock() throws(Errno) { try Errno.check(flock(number, LOCK_EX | LOCK_NB)) }

    package func unlock() { _ = flock(number, LOCK_UN) }

    /// Reads the rest of the file.
    ///
    /// - Throws: the system's error; `.fileTooLarge` for more than `limit` bytes.
    package func readToEnd(limit: Int) throws(Errno) -> [UInt8] {
        var all: [UInt8] = []
        // Files in /proc have size 0.
        if let size = try? Int(status().size) {
            guard size <= limit else { throw .fileTooLarge }
            all.reserveCapacity(max(size, 0))
        }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try read(into: &chunk)
            if count == 0 { return all }
            guard all.count + count <= limit else { throw .fileTooLarge }
            all.append(contentsOf: chunk[..<count])
        }
    }
}

extension Errno {
    /// The error of this thread's last system call.
    package static var last: Errno { Errno(rawValue: errno) }

    /// The error of a call of swift-system, whose signature does not name the type.
    init(_ error: any Error) { self = error as? Errno ?? .ioError }

    /// Throws the error of a system call that returned `result`.
    package static func check(_ result: Int32) throws(Errno) {
        guard result == 0 else { throw .last }
    }
}
