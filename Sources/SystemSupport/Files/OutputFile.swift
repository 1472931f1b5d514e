package import SystemPackage

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
            do { try file.file.write(bytes) } catch { throw IOError(output: path, error) }
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
    case file(existing: Stat?)

    /// - Throws: `.output` for a folder or a link, and with the system's message.
    package static func at(_ path: String) throws(IOError) -> OutputPlace {
        do {
            if let stream = standardStream(path) {
                return .special(Descriptor(try OpenFile(copyOf: stream)))
            }
            let facts: Stat
            do { facts = try Files.status(path, followsLink: false) } catch {
                guard error == .noSuchFileOrDirectory else { throw error }
                return .file(existing: nil)
            }
            let isLink = facts.type == .symbolicLink
            let target = isLink ? try? Files.status(path) : facts
            switch target?.type ?? .regular {
            case .directory:
                throw IOError.output(path: path, reason: "is a directory; name a file")
            case .regular where isLink:
                throw IOError.output(
                    path: path, reason: "is a symbolic link; name the file that it leads to")
            case .regular: return .file(existing: facts)
            default: return .special(Descriptor(try OpenFile(path, .writeOnly)))
            }
        } catch let error as Errno {
            throw IOError(output: path, error)
        } catch let error as IOError {
            throw error
        } catch {
            throw .output(path: path, reason: "\(error)")
        }
    }

    /// The standard stream with this name.
    private static func standardStream(_ path: String) -> FileDescriptor? {
        switch path {
        case "/dev/stdout", "/dev/fd/1", "/proc/self/fd/1": .standardOutput
        case "/dev/stderr", "/dev/fd/2", "/proc/self/fd/2": .standardError
        default: nil
        }
    }
}

/// A file that gets its name when it is complete; an abandoned one is deleted. Used by one thread.
package final class DraftFile {
    private let file: OpenFile
    private let path: String
    private let draft: String
    private var isPublished = false

    package var number: Int32 { file.number }

    /// Creates a temporary file beside `path`.
    ///
    /// - Parameter existing: the status of the file that is replaced: owner and mode are kept.
    package init(
        _ path: String, _ access: OutputFile.Access, replacing existing: Stat?
    ) throws(IOError) {
        self.path = path
        draft = path + ".\(UInt32.random(in: 0...UInt32.max)).new"
        let isForOwner = access == .owner || existing != nil
        do {
            file = try OpenFile(
                draft, .writeOnly, [.create, .exclusiveCreate, .noFollow],
                permissions: FilePermissions(rawValue: isForOwner ? 0o600 : 0o644))
        } catch .noSuchFileOrDirectory {
            throw .output(
                path: path, reason: "its folder does not exist; make it, or name another file")
        } catch {
            throw IOError(output: path, error)
        }
        guard let existing else { return }
        // Without root the owner cannot be changed, and the file belongs to the caller.
        try? file.changeOwner(
            user: existing.userID.rawValue, group: existing.groupID.rawValue)
        do {
            try file.changePermissions(
                existing.permissions.intersection(FilePermissions(rawValue: 0o777)))
        } catch {
            throw IOError(output: path, error)
        }
    }

    package func write(_ bytes: [UInt8]) throws(IOError) {
        do { try file.write(bytes) } catch { throw IOError(output: path, error) }
    }

    /// Renames the file to its final name; later writes go to the same file.
    package func publish() throws(IOError) {
        guard !isPublished else { return }
        do {
            try file.sync()
            try Files.rename(draft, to: path)
        } catch { throw IOError(output: path, error) }
        isPublished = true
    }

    deinit { if !isPublished { try? Files.remove(draft) } }
}
