internal import Glibc

extension String {
    /// The folder that a path lies in; empty where the path names none, and / for what lies in it.
    package var parentPath: String {
        let whole = withoutEndingSlashes
        guard let slash = whole.utf8.lastIndex(of: UInt8(ascii: "/")) else { return "" }
        let parent = String(whole[..<slash]).withoutEndingSlashes
        return parent.isEmpty ? "/" : parent
    }

    /// A path's last part.
    package var lastPathComponent: String {
        let whole = withoutEndingSlashes
        guard let slash = whole.utf8.lastIndex(of: UInt8(ascii: "/")), whole != "/" else {
            return whole
        }
        return String(whole[whole.utf8.index(after: slash)...])
    }

    /// The path from the root: a relative one lies in the folder that the program works in.
    package var absolutePath: String {
        // SAFETY: what comes back is copied and freed.
        guard !hasPrefix("/"), let folder = unsafe getcwd(nil, 0) else { return self }
        defer { unsafe free(folder) }
        return unsafe String(cString: folder) + "/" + self
    }

    /// The path from the root without symbolic links; as it is where that is not known.
    package var realPath: String {
        // SAFETY: the path is lent for the call; what comes back is copied and freed.
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
