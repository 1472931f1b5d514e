import NetworkAddresses
import YAML

extension Inventory {
    /// Reads a YAML or JSON inventory (JSON is YAML).
    ///
    /// - Throws: `.unreadable` with the system's error message; `.malformed` with the line or field
    ///   and the expected value.
    public init(path: String) throws(InventoryError) {
        let text: String
        do { text = try YAMLReader.read(path) } catch { throw InventoryError(error) }
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

    /// Reads an inventory from text; `path` is only used in error messages.
    public init(yaml text: String, path: String) throws(InventoryError) {
        let reader = YAMLReader(path: path)
        var workloads: [Workload] = []
        var networks: [Network] = []
        do throws(YAMLError) {
            let root = try reader.root(of: text)
            let top = try reader.mapping(root, "the file", keys: ["workloads", "networks"])
            for item in try reader.list(top["workloads"], "workloads") {
                workloads.append(try reader.workload(item))
            }
            for item in try reader.list(top["networks"], "networks") {
                networks.append(try reader.network(item))
            }
        } catch { throw InventoryError(error) }
        try self.init(workloads: workloads, networks: networks)
    }
}

extension InventoryError {
    fileprivate init(_ error: YAMLError) {
        self =
            switch error {
            case .unreadable(let path, let reason): .unreadable(path: path, reason: reason)
            case .malformed(let path, let reason): .malformed(path: path, reason: reason)
            }
    }
}

extension YAMLReader {
    fileprivate func workload(_ node: YAMLNode) throws(YAMLError) -> Inventory.Workload {
        let keys = try mapping(
            node, "a workload",
            keys: ["name", "image", "labels", "addresses", "macs", "instances"])
        let name = try text(keys["name"], "name", in: node)
        guard !WorkloadNaming.isReserved(name) else {
            throw fail(
                keys["name"] ?? node,
                "'\(name)' is a name that Lazaret gives itself; choose another")
        }
        var labels: [String: String] = [:]
        if let map = keys["labels"]?.mapping {
            for (key, value) in map { labels[key.string ?? ""] = value.string ?? "" }
        }
        var addresses = try prefixes(keys["addresses"], of: name)
        var instances: [Inventory.Instance] = []
        for item in try list(keys["instances"], "instances") {
            let instance = try self.instance(item, of: name)
            instances.append(instance)
            for address in instance.addresses.map({ IPPrefix(host: $0) })
            where !addresses.contains(address) { addresses.append(address) }
        }
        return Inventory.Workload(
            name: name, image: keys["image"]?.string, labels: labels, addresses: addresses,
            macs: try macs(keys["macs"], of: name), instances: instances)
    }

    private func instance(
        _ node: YAMLNode, of name: String
    ) throws(YAMLError) -> Inventory.Instance {
        let keys = try mapping(node, "an instance", keys: ["addresses", "macs"])
        var addresses: [IPAddress] = []
        for (prefix, item) in zip(
            try prefixes(keys["addresses"], of: name), try list(keys["addresses"], "addresses"))
        {
            guard prefix.isHost else {
                throw fail(item, "'\(prefix)' of an instance of workload '\(name)' is no address")
            }
            addresses.append(prefix.address)
        }
        return Inventory.Instance(
            addresses: addresses, macs: try macs(keys["macs"], of: name))
    }

    private func prefixes(
        _ node: YAMLNode?, of name: String
    ) throws(YAMLError) -> [IPPrefix] {
        var prefixes: [IPPrefix] = []
        for item in try list(node, "addresses") {
            guard let text = item.string, let prefix = IPPrefix(text) else {
                throw fail(
                    item, "'\(item.string ?? "?")' of workload '\(name)' is no address or prefix")
            }
            prefixes.append(prefix)
        }
        return prefixes
    }

    private func macs(_ node: YAMLNode?, of name: String) throws(YAMLError) -> [MACAddress] {
        var macs: [MACAddress] = []
        for item in try list(node, "macs") {
            guard let text = item.string, let mac = MACAddress(text) else {
                throw fail(item, "'\(item.string ?? "?")' of workload '\(name)' is no MAC address")
            }
            macs.append(mac)
        }
        return macs
    }

    fileprivate func network(_ node: YAMLNode) throws(YAMLError) -> Inventory.Network {
        let keys = try mapping(node, "a network", keys: ["name", "prefix", "gateway"])
        let name = try text(keys["name"], "name", in: node)
        guard let prefix = IPPrefix(try text(keys["prefix"], "prefix", in: node)) else {
            throw fail(
                keys["prefix"], "'prefix' of network '\(name)' is no prefix such as 10.0.0.0/24")
        }
        var gateway: IPAddress?
        if let given = keys["gateway"], !given.isNull {
            guard let address = IPAddress(given.string ?? "") else {
                throw fail(given, "'gateway' of network '\(name)' is no address")
            }
            gateway = address
        }
        return Inventory.Network(name: name, prefix: prefix, gateway: gateway)
    }
}
