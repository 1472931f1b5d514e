package import Glibc

/// Writes files atomically.
public enum OutputFile {
    /// The users that may read a new file; a replaced one keeps owner and mode.
    public enum Access: Sendable {
        /// Only its owner: for files with data about traffic.
        case owner
        /// Everybody, as far as the umask allows: for files that the monitor's user reads.
        case everybody
    }

    /// Writes `bytes` to `path` atomically; a special file such as /dev/stdout is written directly.
    ///
    /// - Throws: `.output` with the system's message; also for a symbolic link, which is not
    ///   followed.
    public static func replace(
        _ path: String, with bytes: [UInt8], access: Access = .owner
    ) throws(IOError) {
        switch try OutputPlace.at(path) {
        case .special(let file):
            if let code = WholeWrite.write(bytes, to: file.number).failure {
                throw IOError(output: path, code: code)
            }
        case .file(let existing):
            let draft = try DraftFile(path, access, replacing: existing)
            try draft.write(bytes)
            try draft.publish()
        }
    }
}

/// The kind of file at the path of an output.
package enum OutputPlace {
    /// A pipe, a device, a standard stream.
    case special(Descriptor)
    /// A regular file with its status, or no file yet.
    case file(existing: stat?)

    /// - Throws: `.output` for a folder or a link, and with the system's message.
    package static func at(_ path: String) throws(IOError) -> OutputPlace {
        if let stream = standardStream(path) {
            let copy = fcntl(stream, F_DUPFD_CLOEXEC, 3)
            guard copy >= 0 else { throw IOError(output: path, code: errno) }
            return .special(Descriptor(copy))
        }
        var facts = stat()
        // SAFETY: the structure and the path are valid for the calls.
        guard unsafe lstat(path, &facts) == 0 else {
            guard errno == ENOENT else { throw IOError(output: path, code: errno) }
            return .file(existing: nil)
        }
        let isLink = facts.st_mode & S_IFMT == S_IFLNK
        if isLink, unsafe stat(path, &facts) != 0 { facts.st_mode = S_IFREG }
        switch facts.st_mode & S_IFMT {
        case S_IFDIR: throw .output(path: path, reason: "is a directory; name a file")
        case S_IFREG where isLink:
            throw .output(
                path: path, reason: "is a symbolic link; name the file that it leads to")
        case S_IFREG: return .file(existing: facts)
        default:
            // SAFETY: as above.
            let file = unsafe open(path, O_WRONLY | O_CLOEXEC)
            guard file >= 0 else { throw IOError(output: path, code: errno) }
            return .special(Descriptor(file))
        }
    }

    /// The number of a standard stream with this name.
    private static func standardStream(_ path: String) -> Int32? {
        switch path {
        case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1": STDOUT_FILENO
        case "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2": STDERR_FILENO
        default: nil
        }
    }
}

/// A file that gets its name when it is complete; an abandoned one is deleted. Used by one thread.
package final class DraftFile {
    private let file: Descriptor
    private let path: String
    private let draft: String
    private var isPublished = false

    package var number: Int32 { file.number }

    /// Creates a temporary file beside `path`.
    ///
    /// - Parameter existing: the status of the file that is replaced: owner and mode are kept.
    package init(
        _ path: String, _ access: OutputFile.Access, replacing existing: stat?
    ) throws(IOError) {
        self.path = path
        draft = path + ".\(UInt32.random(in: 0...UInt32.max)).new"
        // SAFETY: the pointer is valid for the call.
        let made = unsafe open(
            draft, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
            access == .owner || existing != nil ? 0o600 : 0o644)
        guard made >= 0 else {
            let code = errno
            throw code == ENOENT
                ? .output(
                    path: path, reason: "its folder does not exist; make it, or name another file")
                : IOError(output: path, code: code)
        }
        file = Descriptor(made)
        guard let existing else { return }
        // Without root the owner cannot be changed, and the file belongs to the caller.
        _ = fchown(made, existing.st_uid, existing.st_gid)
        guard fchmod(made, existing.st_mode & 0o777) == 0 else {
            throw IOError(output: path, code: errno)
        }
    }

    package func write(_ bytes: [UInt8]) throws(IOError) {
        guard let code = WholeWrite.write(bytes, to: file.number).failure else { return }
        throw IOError(output: path, code: code)
    }

    /// Renames the file to its final name; later writes go to the same file.
    package func publish() throws(IOError) {
        guard !isPublished else { return }
        // SAFETY: the pointers are valid for the call.
        guard fsync(file.number) == 0, unsafe rename(draft, path) == 0 else {
            throw IOError(output: path, code: errno)
        }
        isPublished = true
    }

    deinit {
        // SAFETY: the pointer is valid for the call.
        if !isPublished { unsafe _ = unlink(draft) }
    }
}
