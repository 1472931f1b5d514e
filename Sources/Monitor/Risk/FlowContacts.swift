internal import FlowHistory
internal import FlowMetering
internal import NetworkAddresses
internal import Risk
internal import Timestamps
internal import Workloads

/// Who contacted whom today and yesterday, from the flow history.
///
/// Only answered flows count, for TCP those with a handshake, so that packets with forged sources
/// make no contacts. Memory is bounded: of hosts without a name, a limited number is counted.
struct FlowContacts {
    /// The contacts of one day (UTC).
    private struct Day {
        var graph = ContactGraph()
        /// Outside addresses that a workload contacted and that its baseline does not know.
        var newPeers: [String: Set<IPAddress>] = [:]
    }

    /// The names of hosts that had contacts.
    private(set) var names: Set<String> = []
    private var days: [Int: Day] = [:]
    /// The number of the next flow.
    private var next: Int64 = 0
    private var unnamed: Set<IPAddress> = []

    private static let unnamedLimit = 1000
    /// New peers of a workload that are counted; from there on the score hardly rises.
    private static let newPeerLimit = 64

    /// Reads the flows since the last call.
    mutating func update(
        from reader: HistoryReader, inventory: Inventory, now: Timestamp
    ) throws(HistoryError) {
        let today = now.second / 86_400
        for day in days.keys where day != today && day != today - 1 { days[day] = nil }
        let identities = IdentityMap(inventory: inventory)
        var places: [IPAddress: Identity.Place] = [:]
        func place(_ address: IPAddress) -> Identity.Place {
            if let known = places[address] { return known }
            if places.count >= 65_536 { places = [:] }
            let place = identities.identity(of: address).place
            places[address] = place
            return place
        }
        next = try reader.flows(from: next, since: Timestamp(second: Int64(today - 1) * 86_400)) {
            flow in
            let day = flow.entry.end.second / 86_400
            guard day == today || day == today - 1, Self.isAnswered(flow.entry) else { return }
            add(flow, day, place)
        }
    }

    private static func isAnswered(_ flow: FlowEntry) -> Bool {
        guard flow.ipProtocol == 6 else { return flow.responderPackets > 0 }
        return switch flow.state {
        case .s1, .sf, .s2, .s3, .rsto, .rstr: true
        default: false
        }
    }

    private mutating func add(
        _ flow: NamedFlow, _ day: Int, _ place: (IPAddress) -> Identity.Place
    ) {
        let (from, to) = (flow.entry.originator, flow.entry.responder)
        switch (place(from), place(to)) {
        case (.inside, .inside):
            guard let caller = name(flow.originatorName, from),
                let called = name(flow.responderName, to)
            else { return }
            days[day, default: Day()].graph.add(from: caller, to: called)
        case (.outside, .inside):
            guard let called = name(flow.responderName, to) else { return }
            days[day, default: Day()].graph.addFromOutside(to: called)
        case (.inside, .outside) where flow.entry.isNew:
            guard let caller = name(flow.originatorName, from) else { return }
            var peers = days[day, default: Day()].newPeers[caller] ?? []
            if peers.count < Self.newPeerLimit, peers.insert(to).inserted {
                days[day, default: Day()].newPeers[caller] = peers
            }
        default: break
        }
    }

    /// The name of an inside host; nil if there are too many without one.
    private mutating func name(_ name: String?, _ address: IPAddress) -> String? {
        if let name {
            names.insert(name)
            return name
        }
        guard unnamed.contains(address) || unnamed.count < Self.unnamedLimit else { return nil }
        unnamed.insert(address)
        let text = "\(address)"
        names.insert(text)
        return text
    }

    /// The contacts of both days, and those of a model.
    func graph(_ known: [MonitorHub.Contact]) -> ContactGraph {
        var graph = ContactGraph()
        for day in days.keys.sorted() { days[day].map { graph.formUnion($0.graph) } }
        for contact in known where contact.to != IdentityMap.outside {
            if contact.from == IdentityMap.outside {
                graph.addFromOutside(to: contact.to)
            } else {
                graph.add(from: contact.from, to: contact.to)
            }
        }
        return graph
    }

    /// The number of outside addresses that a workload contacted today for the first time.
    func newOutsidePeers(of workload: String, now: Timestamp) -> Int {
        days[now.second / 86_400]?.newPeers[workload]?.count ?? 0
    }
}
