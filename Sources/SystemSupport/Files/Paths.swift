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

    private var withoutEndingSlashes: String {
        guard let end = utf8.lastIndex(where: { $0 != UInt8(ascii: "/") }) else {
            return utf8.isEmpty ? "" : "/"
        }
        return String(self[...end])
    }
}
