import NetworkAddresses
import Yams

#if canImport(Glibc)
    import Glibc
#endif

extension Inventory {
    /// Reads a YAML or JSON inventory (JSON is YAML).
    ///
    /// - Throws: `.unreadable` with the system's words; `.malformed` with line or field and what is expected there.
    public init(path: String) throws(InventoryError) {
        let text = try Self.read(path)
        do {
            try self.init(yaml: text, path: path)
        } catch .duplicateName(let name) {
            throw .malformed(path: path, reason: "the name '\(name)' is given twice")
        } catch .sharedAddress(let prefix, let first, let second) {
            throw .malformed(
                path: path, reason: "\(prefix) is given to both '\(first)' and '\(second)'")
        } catch {
            throw error
        }
    }

    /// Reads an inventory from text; `path` only names it in errors.
    public init(yaml text: String, path: String) throws(InventoryError) {
        let root: Node?
        do {
            root = try Yams.compose(yaml: text)
        } catch {
            let words = "\(error)".split(separator: "\n").first.map(String.init) ?? "no YAML"
            throw .malformed(path: path, reason: "not YAML or JSON: \(words)")
        }
        guard let root else { throw .malformed(path: path, reason: "the file is empty") }
        let reader = Reader(path: path)
        let top = try reader.mapping(root, "the file", keys: ["workloads", "networks"])
        var workloads: [Workload] = []
        for item in try reader.list(top["workloads"], "workloads") {
            workloads.append(try reader.workload(item))
        }
        var networks: [Network] = []
        for item in try reader.list(top["networks"], "networks") {
            networks.append(try reader.network(item))
        }
        try self.init(workloads: workloads, networks: networks)
    }

    private static func read(_ path: String) throws(InventoryError) -> String {
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
            bytes.append(contentsOf: chunk[..<count])
        }
        guard unsafe ferror(file) == 0 else {
            throw .unreadable(path: path, reason: "is a directory or cannot be read")
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Walks the YAML tree and says where it is not as expected.
private struct Reader {
    let path: String

    func fail(_ node: Node?, _ reason: String) -> InventoryError {
        let line = node?.mark.map { "line \($0.line): " } ?? ""
        return .malformed(path: path, reason: line + reason)
    }

    func mapping(
        _ node: Node, _ name: String, keys: Set<String>
    ) throws(InventoryError) -> [String: Node] {
        guard let mapping = node.mapping else {
            throw fail(
                node, "\(name) must be a mapping with \(keys.sorted().joined(separator: ", "))")
        }
        var result: [String: Node] = [:]
        for (key, value) in mapping {
            let text = key.string ?? "?"
            guard keys.contains(text) else {
                throw fail(
                    key,
                    "unknown key '\(text)' in \(name); known: \(keys.sorted().joined(separator: ", "))"
                )
            }
            result[text] = value
        }
        return result
    }

    func list(_ node: Node?, _ name: String) throws(InventoryError) -> [Node] {
        guard let node, node.null == nil else { return [] }
        guard let sequence = node.sequence else { throw fail(node, "'\(name)' must be a list") }
        return Array(sequence)
    }

    func text(_ node: Node?, _ name: String, in whole: Node) throws(InventoryError) -> String {
        guard let node, let text = node.string, !text.isEmpty else {
            throw fail(node ?? whole, "'\(name)' is missing or not text")
        }
        return text
    }

    func workload(_ node: Node) throws(InventoryError) -> Inventory.Workload {
        let keys = try mapping(
            node, "a workload", keys: ["name", "image", "labels", "addresses", "macs"])
        let name = try text(keys["name"], "name", in: node)
        var labels: [String: String] = [:]
        if let map = keys["labels"]?.mapping {
            for (key, value) in map { labels[key.string ?? ""] = value.string ?? "" }
        }
        var addresses: [IPPrefix] = []
        for item in try list(keys["addresses"], "addresses") {
            guard let text = item.string, let prefix = IPPrefix(text) else {
                throw fail(
                    item, "'\(item.string ?? "?")' of workload '\(name)' is no address or prefix")
            }
            addresses.append(prefix)
        }
        var macs: [MACAddress] = []
        for item in try list(keys["macs"], "macs") {
            guard let text = item.string, let mac = MACAddress(text) else {
                throw fail(item, "'\(item.string ?? "?")' of workload '\(name)' is no MAC address")
            }
            macs.append(mac)
        }
        return Inventory.Workload(
            name: name, image: keys["image"]?.string, labels: labels, addresses: addresses,
            macs: macs)
    }

    func network(_ node: Node) throws(InventoryError) -> Inventory.Network {
        let keys = try mapping(node, "a network", keys: ["name", "prefix", "gateway"])
        let name = try text(keys["name"], "name", in: node)
        guard let prefix = IPPrefix(try text(keys["prefix"], "prefix", in: node)) else {
            throw fail(
                keys["prefix"], "'prefix' of network '\(name)' is no prefix such as 10.0.0.0/24")
        }
        var gateway: IPAddress?
        if let given = keys["gateway"], given.null == nil {
            guard let address = IPAddress(given.string ?? "") else {
                throw fail(given, "'gateway' of network '\(name)' is no address")
            }
            gateway = address
        }
        return Inventory.Network(name: name, prefix: prefix, gateway: gateway)
    }
}
