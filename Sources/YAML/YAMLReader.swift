internal import SystemSupport

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
            let prefix = error.isRepetition ? "" : "not YAML or JSON: "
            throw .malformed(path: path, reason: prefix + "\(error)")
        }
        guard let root else { throw .malformed(path: path, reason: "the file is empty") }
        return root
    }

    private static let largestFile: Int64 = 64 << 20

    /// Returns the text of a plain file of at most 64 MiB.
    ///
    /// - Throws: `.unreadable`, also for a pipe, and for a file that was changed while it was read.
    package static func read(_ path: String) throws(YAMLError) -> String {
        let bytes: [UInt8]
        do throws(IOError) { bytes = try InputFile.bytes(of: path, limit: largestFile) } catch {
            throw .unreadable(path: path, reason: error.reason)
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
