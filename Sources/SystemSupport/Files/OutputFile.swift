import Glibc

/// Files that are whole or not there.
public enum OutputFile {
    /// Puts `bytes` at `path` in one step; a special file such as /dev/stdout is written as it is.
    ///
    /// - Throws: `.output` with the system's words.
    public static func replace(_ path: String, with bytes: [UInt8]) throws(IOError) {
        var facts = stat()
        // SAFETY: the structure is ours, the path is lent for the call.
        let exists = unsafe stat(path, &facts) == 0
        let kind = facts.st_mode & S_IFMT
        do {
            if exists, kind == S_IFDIR {
                throw IOError.output(path: path, reason: "is a directory; name a file")
            }
            if exists, kind != S_IFREG {
                try FileDescriptor(path, O_WRONLY).write(bytes.span)
            } else {
                try replaceFile(path, with: bytes, mode: exists ? facts.st_mode & 0o7777 : nil)
            }
        } catch let error as IOError {
            throw error
        } catch {
            throw .output(path: path, reason: "\(error)")
        }
    }

    /// Writes a file beside the other, and renames it.
    private static func replaceFile(
        _ path: String, with bytes: [UInt8], mode: mode_t?
    ) throws(SystemError) {
        // What a link leads to is replaced, and not the link.
        let target = resolved(path)
        let draft = target + ".\(UInt32.random(in: 0...UInt32.max)).new"
        let file = try FileDescriptor(draft, O_WRONLY | O_CREAT | O_EXCL, mode: mode ?? 0o666)
        do throws(SystemError) {
            try file.write(bytes.span)
            // The mode that `open` gave lacks what the umask takes away.
            if let mode, fchmod(file.number, mode) != 0 { throw SystemError(errno) }
            // SAFETY: the paths are lent for the call.
            guard unsafe rename(draft, target) == 0 else { throw SystemError(errno) }
        } catch {
            // SAFETY: as above.
            unsafe _ = unlink(draft)
            throw error
        }
    }

    private static func resolved(_ path: String) -> String {
        // SAFETY: the text is ours to copy and to free.
        guard let whole = unsafe realpath(path, nil) else { return path }
        defer { unsafe free(whole) }
        return unsafe String(cString: whole)
    }
}
