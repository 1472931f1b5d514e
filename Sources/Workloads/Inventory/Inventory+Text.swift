import NetworkAddresses

extension Inventory {
    /// The inventory as YAML, in the format that `init(path:)` reads.
    public var yaml: String {
        var lines = ["networks:" + (networks.isEmpty ? " []" : "")]
        for network in networks {
            let gateway = network.gateway.map { ", gateway: \(Self.quoted("\($0)"))" } ?? ""
            lines.append(
                """
                  - {name: \(Self.quoted(network.name)), prefix: \
                \(Self.quoted("\(network.prefix)"))\(gateway)}
                """
            )
        }
        lines.append("workloads:" + (workloads.isEmpty ? " []" : ""))
        for workload in workloads {
            lines.append("  - name: \(Self.quoted(workload.name))")
            if let image = workload.image { lines.append("    image: \(Self.quoted(image))") }
            if !workload.labels.isEmpty {
                let labels = workload.labels.sorted { $0.key < $1.key }.map {
                    "\(Self.quoted($0.key)): \(Self.quoted($0.value))"
                }
                lines.append("    labels: {\(labels.joined(separator: ", "))}")
            }
            let addresses = workload.addresses.map { Self.quoted("\($0)") }
            lines.append("    addresses: [\(addresses.joined(separator: ", "))]")
            if !workload.macs.isEmpty {
                let macs = workload.macs.map { Self.quoted("\($0)") }
                lines.append("    macs: [\(macs.joined(separator: ", "))]")
            }
            if !workload.instances.isEmpty { lines.append("    instances:") }
            for instance in workload.instances.isEmpty ? [] : workload.members
            where instance.addresses.count > 1 {
                let addresses = instance.addresses.map { Self.quoted("\($0)") }
                let macs = instance.macs.map { Self.quoted("\($0)") }
                let tail = macs.isEmpty ? "" : ", macs: [\(macs.joined(separator: ", "))]"
                lines.append(
                    "      - {addresses: [\(addresses.joined(separator: ", "))]\(tail)}")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// Returns a YAML plain or single-quoted scalar; names contain no control characters.
    private static func quoted(_ text: String) -> String {
        let isPlain =
            text.utf8.first.map { $0 >= 0x61 && $0 <= 0x7A } ?? false
            && text.utf8.allSatisfy {
                $0 >= 0x61 && $0 <= 0x7A || $0 >= 0x30 && $0 <= 0x39
                    || [0x2D, 0x2F, 0x5F].contains($0)
            } && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"].contains(text)
        if isPlain { return text }
        return "'"
            + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "''")
            + "'"
    }
}
