#if canImport(Glibc)
    import Glibc
#endif

/// Reads values from a YAML tree, with errors that state the place of an unexpected value.
package struct YAMLReader {
    package let path: String

    package init(path: String) { self.path = path }

    package func fail(_ node: YAMLNode?, _ reason: String) -> YAMLError {
        let line = node.map { "line \($0.line): " } ?? ""
        return .malformed(path: path, reason: line + reason)
    }

    /// The values of a mapping by key.
    ///
    /// - Parameter unknown: receives the fault of each unknown key. Nil: the first one is thrown.
    package func mapping(
        _ node: YAMLNode, _ name: String, keys: Set<String>, unknown: ((YAMLError) -> Void)? = nil
    ) throws(YAMLError) -> [String: YAMLNode] {
        guard let mapping = node.mapping else {
            throw fail(
                node, "\(name) must be a mapping with \(keys.sorted().joined(separator: ", "))")
        }
        var result: [String: YAMLNode] = [:]
        for (key, value) in mapping {
            let text = key.string ?? "?"
            guard keys.contains(text) else {
                let error = fail(
                    key,
                    """
                    unknown key '\(text)' in \(name); known: \
                    \(keys.sorted().joined(separator: ", "))
                    """
                )
                guard let unknown else { throw error }
                unknown(error)
                continue
            }
            result[text] = value
        }
        return result
    }

    package func list(_ node: YAMLNode?, _ name: String) throws(YAMLError) -> [YAMLNode] {
        guard let node, !node.isNull else { return [] }
        guard let items = node.sequence else { throw fail(node, "'\(name)' must be a list") }
        return items
    }

    package func text(_ node: YAMLNode?, _ name: String, in whole: YAMLNode) throws(YAMLError)
        -> String
    {
        guard let node, let text = node.string, !text.isEmpty else {
            throw fail(node ?? whole, "'\(name)' is missing or not text")
        }
        return text
    }

    /// Returns the tree of a file's text.
    package func root(of text: String) throws(YAMLError) -> YAMLNode {
        let root: YAMLNode?
        do {
            root = try YAMLNode.parse(text)
        } catch {
            throw .malformed(path: path, reason: "not YAML or JSON: \(error)")
        }
        guard let root else { throw .malformed(path: path, reason: "the file is empty") }
        return root
    }

    private static let largestFile = 64 << 20

    /// Returns the text of a file of at most 64 MiB.
    package static func read(_ path: String) throws(YAMLError) -> String {
        guard let file = unsafe fopen(path, "rb") else {
            throw .unreadable(path: path, reason: unsafe String(cString: strerror(errno)))
        }
        // SAFETY: the stream was opened above and is closed once, here.
        defer { unsafe _ = fclose(file) }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            // SAFETY: `chunk` has the size that is passed.
            let count = unsafe fread(&chunk, 1, chunk.count, file)
            if count == 0 { break }
            guard bytes.count + count <= largestFile else {
                throw .unreadable(path: path, reason: "has more than \(largestFile >> 20) MiB")
            }
            bytes.append(contentsOf: chunk[..<count])
        }
        guard unsafe ferror(file) == 0 else {
            throw .unreadable(path: path, reason: "is a directory or cannot be read")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
