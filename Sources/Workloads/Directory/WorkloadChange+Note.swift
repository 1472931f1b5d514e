internal import FoundationEssentials
internal import NetworkAddresses
internal import Timestamps

/// Changes as text, for recordings: one JSON object per note.
///
/// `{"holders": [{"address", "workload", "image"?, "labels"?, "mac"?, "instance"?, "since"?}],
/// "freed": [{"address", "since"?}], "networks": [{"name", "prefix", "gateway"?}]}`; times are
/// nanoseconds since 1970.
extension WorkloadChange {
    private struct Note: Codable {
        struct Holder: Codable {
            var address: String
            var workload: String
            var image: String?
            var labels: [String: String]?
            var mac: String?
            var instance: String?
            var since: Int64?
        }
        struct Freed: Codable {
            var address: String
            var since: Int64?
        }
        struct Network: Codable {
            var name: String
            var prefix: String
            var gateway: String?
        }

        var holders: [Holder]?
        var freed: [Freed]?
        var networks: [Network]?
    }

    /// Returns the change as notes of at most `limit` bytes, in an order that depends on the change
    /// only. A part that is longer than `limit` by itself is omitted.
    public func notes(limit: Int) -> [String] {
        var notes: [String] = []
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        func add<Part>(_ parts: ArraySlice<Part>, _ wrap: (ArraySlice<Part>) -> Note) {
            guard !parts.isEmpty, let data = try? encoder.encode(wrap(parts)) else { return }
            if data.count <= limit {
                notes.append(String(decoding: data, as: UTF8.self))
            } else if parts.count > 1 {
                let middle = parts.startIndex + parts.count / 2
                add(parts[..<middle], wrap)
                add(parts[middle...], wrap)
            }
        }
        if let networks {
            // A note replaces all networks at once, so they are not split.
            let all = networks.map {
                Note.Network(
                    name: $0.name, prefix: "\($0.prefix)", gateway: $0.gateway.map { "\($0)" })
            }
            add([all]) { Note(networks: $0.first) }
        }
        let sorted = holders.sorted { $0.key < $1.key }
        let held = sorted.compactMap { address, holder in
            holder.map { noted($0, address) }
        }
        add(held[...]) { Note(holders: Array($0)) }
        let freed = sorted.filter { $0.value == nil }.map {
            Note.Freed(address: "\($0.key)", since: times[$0.key]?.nanoseconds)
        }
        add(freed[...]) { Note(freed: Array($0)) }
        return notes
    }

    private func noted(_ holder: Inventory.Holder, _ address: IPAddress) -> Note.Holder {
        Note.Holder(
            address: "\(address)", workload: holder.workload, image: holder.image,
            labels: holder.labels.isEmpty ? nil : holder.labels,
            mac: holder.mac.map { "\($0)" }, instance: holder.instance,
            since: times[address]?.nanoseconds)
    }

    /// Reads a note; nil if the text is not a note. Invalid parts and names reserved by Lazaret are
    /// skipped; other names are cleaned.
    public init?(note: String) {
        guard let note = try? JSONDecoder().decode(Note.self, from: Data(note.utf8)) else {
            return nil
        }
        for part in note.holders ?? [] {
            let workload = WorkloadNaming.clean(part.workload)
            guard let address = IPAddress(part.address), !workload.isEmpty,
                !WorkloadNaming.isReserved(workload)
            else { continue }
            let labels = (part.labels ?? [:]).sorted { $0.key < $1.key }.prefix(
                WorkloadNaming.labelLimit
            ).map {
                (WorkloadNaming.clean($0.key), WorkloadNaming.clean($0.value))
            }
            let since = part.since.map(Timestamp.init(nanoseconds:))
            holders[address] = .some(
                Inventory.Holder(
                    workload: workload,
                    image: part.image.map(WorkloadNaming.clean),
                    labels: Dictionary(labels) { first, _ in first },
                    mac: part.mac.flatMap { MACAddress($0) },
                    instance: part.instance.map(WorkloadNaming.clean), since: since ?? .epoch))
            times[address] = since
        }
        for part in note.freed ?? [] {
            guard let address = IPAddress(part.address) else { continue }
            holders[address] = .some(nil)
            times[address] = part.since.map(Timestamp.init(nanoseconds:))
        }
        networks = note.networks.map { networks in
            networks.prefix(WorkloadDirectory.networkLimit).compactMap { part in
                let name = WorkloadNaming.clean(part.name)
                guard let prefix = IPPrefix(part.prefix), !WorkloadNaming.isReserved(name) else {
                    return nil
                }
                return Inventory.Network(
                    name: name, prefix: prefix, gateway: part.gateway.flatMap { IPAddress($0) })
            }
        }
    }
}
