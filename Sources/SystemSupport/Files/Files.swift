internal import Glibc
package import SystemPackage

/// Files by their paths. Each function throws the error of its system call.
package enum Files {
    /// Reads a file.
    ///
    /// - Parameter limit: the most bytes; a caller that reads larger files sets it.
    /// - Throws: also `.fileTooLarge` for more than `limit` bytes.
    package static func read(
        _ path: String, limit: Int = 64 << 20
    ) throws(Errno) -> [UInt8] {
        try OpenFile(path, .readOnly).readToEnd(limit: limit)
    }

    /// The bytes of a file in a directory in which another user may create any file.
    ///
    /// - Throws: `.tooManySymbolicLinkLevels` for a symbolic link, `.invalidArgument` for a pipe, a
    ///   device or a directory, `.fileTooLarge` for more than `limit` bytes.
    package static func readPlain(_ path: String, limit: Int) throws(Errno) -> [UInt8] {
        // A pipe would make the call wait for a writer.
        let file = try OpenFile(path, .readOnly, [.noFollow, .nonBlocking])
        guard try file.status().type == .regular else { throw .invalidArgument }
        return try file.readToEnd(limit: limit)
    }

    /// Checks that a file can be read.
    ///
    /// - Throws: also `.isDirectory`.
    package static func checkReadable(_ path: String) throws(Errno) {
        try checkAccess(path, R_OK)
        guard try !status(path).isFolder else { throw .isDirectory }
    }

    /// Checks that files can be created in a folder.
    package static func checkWritable(_ folder: String) throws(Errno) {
        try checkAccess(folder.isEmpty ? "." : folder, W_OK)
    }

    /// - Parameter rights: of access(2): `R_OK`, `W_OK`, `X_OK`, or `F_OK`, with which the file
    ///   only has to exist.
    package static func checkAccess(_ path: String, _ rights: Int32) throws(Errno) {
        // SAFETY: the path is valid for the call.
        try Errno.check(unsafe access(path, rights))
    }

    package static func exists(_ path: String) -> Bool { (try? checkAccess(path, F_OK)) != nil }

    /// The status of a file; of a link itself unless `followsLink`.
    package static func status(
        _ path: String, followsLink: Bool = true
    ) throws(Errno) -> Stat {
        try Stat(FilePath(path), followTargetSymlink: followsLink)
    }

    package static func rename(_ path: String, to new: String) throws(Errno) {
        // SAFETY: the paths are valid for the call.
        try Errno.check(unsafe Glibc.rename(path, new))
    }

    package static func remove(_ path: String) throws(Errno) {
        // SAFETY: the path is valid for the call.
        try Errno.check(unsafe unlink(path))
    }

    /// Removes an empty folder.
    package static func removeFolder(_ path: String) throws(Errno) {
        // SAFETY: the path is valid for the call.
        try Errno.check(unsafe rmdir(path))
    }

    /// Creates a folder for its owner, unless there is one.
    package static func makeFolder(_ path: String) throws(Errno) {
        // SAFETY: the path is valid for the call.
        guard unsafe mkdir(path, 0o700) != 0 else { return }
        let failure = Errno.last
        guard failure == .fileExists else { throw failure }
    }

    /// Creates a folder and its parents, if they do not exist.
    ///
    /// - Parameter permissions: of each created folder, whatever the umask.
    package static func makeFolders(
        _ path: String, permissions: FilePermissions
    ) throws(Errno) {
        // SAFETY: the path is valid for the calls.
        if unsafe mkdir(path, permissions.rawValue) != 0 {
            switch Errno.last {
            case .fileExists where (try? status(path).isFolder) == true: return
            case .noSuchFileOrDirectory where !path.parentPath.isEmpty:
                try makeFolders(path.parentPath, permissions: permissions)
                try Errno.check(unsafe mkdir(path, permissions.rawValue))
            case let failure: throw failure
            }
        }
        try Errno.check(unsafe chmod(path, permissions.rawValue))
    }

    /// The names in an open folder, without `.` and `..`.
    package static func names(in folder: borrowing OpenFile) throws(Errno) -> [String] {
        // SAFETY: the stream owns a copy of the descriptor, and is closed once.
        guard let stream = unsafe fdopendir(dup(folder.number)) else { throw .last }
        defer { unsafe _ = closedir(stream) }
        // The copy shares the position of the descriptor.
        unsafe rewinddir(stream)
        var names: [String] = []
        while let item = unsafe readdir(stream) {
            // SAFETY: the name ends with a zero byte and is valid until the next call.
            let name = unsafe withUnsafeBytes(of: &item.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Bytes that can still be written to the file system of a folder.
    package static func freeBytes(_ folder: String) throws(Errno) -> UInt64 {
        var facts = statvfs()
        // SAFETY: the structure and the path are valid for the call.
        try Errno.check(unsafe statvfs(folder, &facts))
        return UInt64(facts.f_bavail) * UInt64(facts.f_frsize)
    }
}

extension Stat {
    package var isFolder: Bool { type == .directory }
    package var isPlainFile: Bool { type == .regular }
    package var byteCount: UInt64 { UInt64(clamping: size) }
}
