public import NetworkAddresses
public import Timestamps

/// One owner of an address, with start and end.
public struct Lease: Sendable, Equatable {
    public var container: Container
    /// The network's name, as its engine calls it.
    public var network: String
    public var mac: MACAddress?
    /// When the container got the address.
    public var since: Timestamp
    /// When the lease ended; the distant future while it is open.
    public var until = Timestamp.distantFuture

    public var isOpen: Bool { until == .distantFuture }
}

/// The addresses of containers over time. Ended leases are forgotten after `keepTime`, so memory is
/// proportional to the running containers, not to all that ever ran.
struct LeaseTable: Sendable {
    /// Longer than the longest window, so every window that is still open can be named.
    static let keepTime = Interval.seconds(900)
    /// Packets that arrive this long after a container's end still count as its own, unless another
    /// container has its address by then.
    static let lingerTime = Interval.seconds(2)
    /// The greatest number of addresses at one time, leases of one address, and addresses of one
    /// container.
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
    /// Leases and ends that were refused because the table was full.
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

    /// Records that a container has an address; a repeated report changes nothing.
    ///
    /// - Returns: whether the current owner or its MAC address changed.
    mutating func begin(_ address: IPAddress, _ new: Lease) -> Bool {
        var new = new
        let id = new.container.id
        // The answer to a query that was sent before the container ended.
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

    /// Ends the leases of a container that has ended or has left `network`.
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

    /// Forgets the leases that ended more than `keepTime` before `now`.
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
