internal import Glibc

extension String {
    /// The parent folder of a path; empty if the path contains none, and / for entries of the root.
    package var parentPath: String {
        let whole = withoutEndingSlashes
        guard let slash = whole.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        let parent = String(whole[..<slash]).withoutEndingSlashes
        return parent.isEmpty ? "/" : parent
    }

    /// The last component of a path.
    package var lastPathComponent: String {
        let whole = withoutEndingSlashes
        guard let slash = whole.utf8.lastIndex(of: UInt8(ascii: "/")), whole != "/" else {
            return whole
        }
        return String(whole[whole.utf8.index(after: slash)...])
    }

    /// The absolute path; a relative one starts in the working directory.
    package var absolutePath: String {
        // SAFETY: the result is copied and freed.
        guard !hasPrefix("/"), let folder = unsafe getcwd(nil, 0) else { return self }
        defer { unsafe free(folder) }
        return unsafe String(cString: folder) + "/" + self
    }

    /// The absolute path without symbolic links; only the absolute path if they cannot be resolved.
    package var realPath: String {
        // SAFETY: the path is valid for the call; the result is copied and freed.
        guard let found = unsafe realpath(self, nil) else { return absolutePath }
        defer { unsafe free(found) }
        return unsafe String(cString: found)
    }

    private var withoutEndingSlashes: String {
        guard let end = utf8.lastIndex(where: { $0 != UInt8(ascii: "/") }) else {
            return utf8.isEmpty ? "" : "/"
        }
        return String(self[...end])
    }
}
