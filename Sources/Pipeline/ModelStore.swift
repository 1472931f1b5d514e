public import AnomalyDetection
import Glibc
import Platform
public import Workloads

/// Model files: written whole or not at all.
public enum ModelStore {
    /// Writes the model beside its place and moves it there.
    public static func write(_ model: Model, to path: String) throws {
        try OutputFile.replace(path, with: model.encoded())
    }

    /// Reads a model with what was said of its alerts: what judges traffic uses this.
    ///
    /// - Parameter inventory: who is who; nil: as the model knows it.
    public static func readForJudging(_ path: String, inventory: Inventory?) throws -> Model {
        var model = try read(path)
        model.apply(try FeedbackFile.read(path), inventory: inventory)
        return model
    }

    /// Reads a model and checks all of it.
    public static func read(_ path: String) throws -> Model {
        let bytes: [UInt8]
        do { bytes = try readFile(path) } catch {
            throw PipelineError.input(path: path, reason: "\(error); 'lazaret train' makes one")
        }
        do { return try Model(decoding: bytes) } catch {
            throw PipelineError.input(path: path, reason: "\(error)")
        }
    }
}

/// Files that are whole or not there.
public enum OutputFile {
    /// Puts `bytes` at `path` in one step; a special file such as /dev/stdout is written as it is.
    ///
    /// - Throws: `.output` with the system's words.
    public static func replace(_ path: String, with bytes: [UInt8]) throws(PipelineError) {
        var facts = stat()
        // SAFETY: the structure is ours, the path is lent for the call.
        let exists = unsafe stat(path, &facts) == 0
        let kind = facts.st_mode & S_IFMT
        do {
            if exists, kind == S_IFDIR {
                throw PipelineError.output(path: path, reason: "is a directory; name a file")
            }
            if exists, kind != S_IFREG {
                try FileDescriptor(path, O_WRONLY).write(bytes.span)
            } else {
                try replaceFile(path, with: bytes, mode: exists ? facts.st_mode & 0o7777 : nil)
            }
        } catch let error as PipelineError {
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
