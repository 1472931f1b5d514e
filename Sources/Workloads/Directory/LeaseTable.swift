public import NetworkAddresses
public import Timestamps

/// Owners of an address, with start and end of each.
public struct Lease: Sendable, Equatable {
    public var container: Container
    /// The network's name, as its engine calls it.
    public var network: String
    public var mac: MACAddress?
    /// The address was the container's from here ...
    public var since: Timestamp
    /// ... to here; the distant future while it still is.
    public var until = Timestamp.distantFuture

    public var isOpen: Bool { until == .distantFuture }
}

/// The addresses of containers over time. What is over is forgotten after `keepTime`, so
/// that memory follows the containers that run, not those that ever ran.
struct LeaseTable: Sendable {
    /// Longer than the longest window: whatever is still judged can still be named.
    static let keepTime = Interval.seconds(900)
    /// Packets that a container has left behind are still its own for this long, unless another
    /// has taken its address.
    static let lingerTime = Interval.seconds(2)
    /// Addresses at one time, leases of one address, addresses of one container.
    static let addressLimit = 262_144
    static let leaseLimit = 256
    static let addressesOfContainer = 64

    struct Life: Sendable {
        var addresses: Set<IPAddress> = []
        /// The end of its last run, or nil while it runs.
        var ended: Timestamp?
    }

    private(set) var leases: [IPAddress: [Lease]] = [:]
    private(set) var lives: [String: Life] = [:]
    /// What found no room.
    private(set) var refused = 0

    /// The current owner of `address`.
    func current(_ address: IPAddress) -> Lease? {
        leases[address]?.last.flatMap { $0.isOpen ? $0 : nil }
    }

    /// The owner of `address` at `time`.
    func lease(of address: IPAddress, at time: Timestamp) -> Lease? {
        guard let lease = leases[address]?.last(where: { $0.since <= time }) else {
            return nil
        }
        guard !lease.isOpen else { return lease }
        return time < lease.until + Self.lingerTime ? lease : nil
    }

    /// A container has an address; hearing so again changes nothing.
    ///
    /// - Returns: whether anything is different now.
    mutating func begin(_ address: IPAddress, _ new: Lease) -> Bool {
        var new = new
        let id = new.container.id
        // The answer to a question that was asked before it died.
        if let ended = lives[id]?.ended, new.since <= ended { new.until = ended }
        var list = leases[address] ?? []
        if let same = list.lastIndex(where: { $0.container.id == id }),
            list[same].isOpen || new.since <= list[same].until
        {
            let learnsMAC = list[same].mac == nil && new.mac != nil
            if list[same].container.digest.isEmpty {
                list[same].container.digest = new.container.digest
            }
            if learnsMAC { list[same].mac = new.mac }
            leases[address] = list
            return learnsMAC && list[same].isOpen
        }
        guard list.count < Self.leaseLimit,
            !list.isEmpty || leases.count < Self.addressLimit,
            (lives[id]?.addresses.count ?? 0) < Self.addressesOfContainer
        else {
            refused += 1
            return false
        }
        if let last = list.last, new.isOpen {
            // The newest report wins, even if the engine's clock gives an earlier start.
            new.since = max(new.since, last.isOpen ? last.since + .nanoseconds(1) : last.until)
        }
        let at = list.firstIndex { $0.since > new.since } ?? list.count
        list.insert(new, at: at)
        if at > 0 { list[at - 1].until = min(list[at - 1].until, new.since) }
        if at + 1 < list.count { list[at].until = min(list[at].until, list[at + 1].since) }
        leases[address] = list
        lives[id, default: Life()].addresses.insert(address)
        if new.isOpen { lives[id]?.ended = nil }
        return true
    }

    /// A container has ended, or has left `network`.
    ///
    /// - Returns: the addresses that are free now.
    mutating func end(_ id: String, network: String? = nil, at time: Timestamp) -> [IPAddress] {
        if network == nil {
            if lives[id] == nil, lives.count >= Self.addressLimit { refused += 1 }
            if lives[id] != nil || lives.count < Self.addressLimit {
                lives[id, default: Life()].ended = time
            }
        }
        var freed: [IPAddress] = []
        for address in lives[id]?.addresses ?? [] {
            guard var list = leases[address], let last = list.last, last.isOpen,
                last.container.id == id, network == nil || last.network == network,
                last.since <= time
            else { continue }
            list[list.count - 1].until = time
            leases[address] = list
            freed.append(address)
        }
        return freed
    }

    /// Forgets what was over `keepTime` before `now`.
    mutating func prune(now: Timestamp) {
        let horizon = now - Self.keepTime
        for (address, list) in leases where list[0].until < horizon {
            let kept = list.filter { $0.until >= horizon }
            leases[address] = kept.isEmpty ? nil : kept
            for gone in list where gone.until < horizon {
                guard !kept.contains(where: { $0.container.id == gone.container.id }) else {
                    continue
                }
                lives[gone.container.id]?.addresses.remove(address)
            }
        }
        lives = lives.filter { life in
            !life.value.addresses.isEmpty || life.value.ended.map { $0 >= horizon } ?? false
        }
    }
}
