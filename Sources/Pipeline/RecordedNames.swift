import NetworkAddresses
import PacketDecoding
import Workloads

/// What a monitor has noted beside the packets that it kept: who had which address, and from when on. As in the monitor,
/// a name holds for the packets from its time on.
struct RecordedNames {
    /// Whether a monitor's notes were found.
    private(set) var isRecording = false
    /// What holds from the beginning, latest first.
    private var ready: [WorkloadChange] = []
    /// Addresses that change hands at a time that the packets have not reached, from `first` on.
    private var handovers: [(time: Int64, change: WorkloadChange)] = []
    private var first = 0
    private var isSorted = true
    private var networkChanges = 0

    /// Changes that wait at most; no monitor knows more addresses.
    private static let limit = 262_144
    /// Changes of networks that are followed at most: each costs a look at every host.
    private static let networkChangeLimit = 10_000

    /// Takes in notes.
    mutating func add(_ notes: [String]) {
        handovers.removeFirst(first)
        first = 0
        var fresh: [WorkloadChange] = []
        for change in notes.compactMap({ WorkloadChange(note: $0) }) {
            isRecording = true
            var rest = change
            if change.networks != nil {
                networkChanges += 1
                if networkChanges > Self.networkChangeLimit { rest.networks = nil }
            }
            for (address, time) in change.times where handovers.count < Self.limit {
                guard let holder = rest.holders.removeValue(forKey: address) else { continue }
                var part = WorkloadChange()
                part.holders[address] = .some(holder)
                part.times[address] = time
                handovers.append((time, part))
                isSorted = false
            }
            if !rest.isEmpty { fresh.append(rest) }
        }
        ready = fresh.reversed() + ready
    }

    /// The next change that holds at `time`; nil when all were handed out.
    mutating func next(at time: Int64) -> WorkloadChange? {
        if let change = ready.popLast() { return change }
        guard first < handovers.count else { return nil }
        if !isSorted {
            handovers.sort { $0.time < $1.time }
            isSorted = true
        }
        guard handovers[first].time <= time else { return nil }
        defer { first += 1 }
        return handovers[first].change
    }
}

/// The packets of a recording in their order, and those that were forwarded, and so recorded twice, once.
struct RecordedPackets {
    private var merge = PacketMerge(interfaces: 2)
    private var newest = Int64.min

    /// Interfaces that are told apart: a packet comes out of the gateway by another one than it came in by.
    private static let interfaceCount: UInt32 = 64

    /// Takes in a packet; `next` hands out what is so old that nothing older can come.
    ///
    /// - Precondition: between two packets, `next` was called until it returned false.
    mutating func add(_ packet: Packet, from interface: UInt32) {
        merge.add(packet, from: Int32(interface % Self.interfaceCount))
        newest = max(newest, packet.timeNanoseconds)
        merge.release(until: newest - FrameIntake.holdNanoseconds)
    }

    /// Hands out the rest.
    mutating func finish() { merge.release(until: .max) }

    /// Takes the next packet that is old enough; false where there is none.
    mutating func next(into packet: inout Packet) -> Bool { merge.next(into: &packet) }
}

/// All that notes have told so far, as an inventory.
struct NotedWorkloads {
    private let given: Inventory
    private let remembered: Inventory
    private var holders: [IPAddress: Inventory.Holder] = [:]
    private var networks: [Inventory.Network] = []

    /// - Parameters:
    ///   - given: goes before what is noted.
    ///   - remembered: counts only outside the networks that are noted.
    init(given: Inventory, remembered: Inventory) {
        self.given = given
        self.remembered = remembered
    }

    mutating func apply(_ change: WorkloadChange) {
        for (address, holder) in change.holders { holders[address] = holder }
        if let told = change.networks { networks = told }
    }

    /// Who is who now.
    var inventory: Inventory {
        given.joined(
            live: Inventory(holders: holders, networks: networks), remembered: remembered)
    }
}

extension Inventory {
    /// This inventory, which a person gave, before what engines tell, and what a model remembers outside of the engines'
    /// networks.
    func joined(live: Inventory, remembered: Inventory) -> Inventory {
        let kept = remembered.workloads.map { workload in
            var workload = workload
            workload.addresses.removeAll { prefix in
                live.networks.contains { $0.prefix.contains(prefix) }
            }
            return workload
        }
        let outside =
            (try? Inventory(
                workloads: kept.filter { !$0.addresses.isEmpty }, networks: remembered.networks))
            ?? .empty
        return merging(live).merging(outside)
    }
}
