package import Glibc

/// Owns an open file; noncopyable, so it is closed once.
package struct FileDescriptor: ~Copyable {
    package let number: Int32

    /// - Parameter flags: flags of open(2); `O_CLOEXEC` is added.
    /// - Parameter mode: the mode of a new file.
    /// - Throws: the error of open(2).
    package init(
        _ path: String, _ flags: Int32, mode: mode_t = 0o600
    ) throws(SystemError) {
        // SAFETY: the pointer is valid for the call.
        let number = unsafe open(path, flags | O_CLOEXEC, mode)
        guard number >= 0 else { throw SystemError(errno) }
        self.number = number
    }

    /// Duplicates the descriptor of an open file such as standard input, which stays open.
    package init(copyOf other: Int32) throws(SystemError) {
        let number = fcntl(other, F_DUPFD_CLOEXEC, 0)
        guard number >= 0 else { throw SystemError(errno) }
        self.number = number
    }

    deinit { close(number) }

    /// Reads available bytes to the start of `buffer`; blocks until there are some.
    ///
    /// - Returns: the number of bytes; 0 at the end.
    package func read(into buffer: inout [UInt8]) throws(SystemError) -> Int {
        while true {
            // SAFETY: the buffer has the size that is passed.
            let count = unsafe Glibc.read(number, &buffer, buffer.count)
            if count >= 0 { return count }
            guard errno == EINTR else { throw SystemError(errno) }
        }
    }

    /// Writes all of `bytes`.
    package func write(_ bytes: Span<UInt8>) throws(SystemError) {
        var rest = bytes
        while !rest.isEmpty {
            // SAFETY: the range is within the span.
            let count = unsafe rest.withUnsafeBufferPointer {
                unsafe Glibc.write(number, $0.baseAddress, $0.count)
            }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { throw SystemError(count < 0 ? errno : EIO) }
            rest = rest.extracting(count...)
        }
    }

    /// Reads the rest of the file.
    ///
    /// - Throws: the system's error; `EFBIG` for more than `limit` bytes.
    package func readToEnd(limit: Int) throws(SystemError) -> [UInt8] {
        var all: [UInt8] = []
        var facts = stat()
        // SAFETY: the structure is valid for the call. Files in /proc have size 0.
        if unsafe fstat(number, &facts) == 0 {
            guard facts.st_size <= limit else { throw SystemError(EFBIG) }
            all.reserveCapacity(max(Int(facts.st_size), 0))
        }
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while true {
            let count = try read(into: &chunk)
            if count == 0 { return all }
            guard all.count + count <= limit else { throw SystemError(EFBIG) }
            all.append(contentsOf: chunk[..<count])
        }
    }
}

/// Reads a file.
///
/// - Parameter limit: the most bytes; a caller that reads larger files sets it.
/// - Throws: the system's error; `EFBIG` for more than `limit` bytes.
package func readFile(
    _ path: String, limit: Int = 64 << 20
) throws(SystemError) -> [UInt8] {
    try FileDescriptor(path, O_RDONLY).readToEnd(limit: limit)
}

/// The bytes of a file in a directory in which another user may create any file.
///
/// - Throws: the system's error; `ELOOP` for a symbolic link, `EINVAL` for a pipe, a device or a
///   directory, `EFBIG` for more than `limit` bytes.
package func readPlainFile(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
    // A pipe would make the call wait for a writer.
    let file = try FileDescriptor(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK)
    var facts = stat()
    // SAFETY: the structure is valid for the call.
    guard unsafe fstat(file.number, &facts) == 0 else { throw SystemError(errno) }
    guard facts.st_mode & S_IFMT == S_IFREG else { throw SystemError(EINVAL) }
    return try file.readToEnd(limit: limit)
}

/// Checks that a file can be read, so that the system's error is reported if not.
///
/// - Throws: the system's error; `EISDIR` for a folder.
package func checkReadable(_ path: String) throws(SystemError) {
    var facts = stat()
    // SAFETY: the structure and the path are valid for the calls.
    guard unsafe access(path, R_OK) == 0, unsafe stat(path, &facts) == 0 else {
        throw SystemError(errno)
    }
    guard facts.st_mode & S_IFMT != S_IFDIR else { throw SystemError(EISDIR) }
}

/// Creates a folder and its parents, if they do not exist.
///
/// - Parameter mode: the mode of each created folder, whatever the umask.
package func makeFolders(_ path: String, mode: mode_t) throws(SystemError) {
    // SAFETY: the path is valid for the calls.
    if unsafe mkdir(path, mode) != 0 {
        switch errno {
        case EEXIST where isFolder(path): return
        case ENOENT where !path.parentPath.isEmpty:
            try makeFolders(path.parentPath, mode: mode)
            guard unsafe mkdir(path, mode) == 0 else { throw SystemError(errno) }
        case let code: throw SystemError(code)
        }
    }
    guard unsafe chmod(path, mode) == 0 else { throw SystemError(errno) }
}

private func isFolder(_ path: String) -> Bool {
    var facts = stat()
    // SAFETY: the structure and the path are valid for the call.
    return unsafe stat(path, &facts) == 0 && facts.st_mode & S_IFMT == S_IFDIR
}
