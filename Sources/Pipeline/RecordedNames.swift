import NetworkAddresses
import PacketDecoding
import PacketIntake
import Workloads

/// What a monitor has noted beside the packets that it kept: who had which address, and from when on. As in the monitor,
/// a name holds for the packets from its time on.
struct RecordedNames {
    /// Whether a monitor's notes were found.
    private(set) var isRecording = false
    /// Addresses that change hands at a time that the packets have not reached.
    private var handovers: [(time: Int64, change: WorkloadChange)] = []
    private var isSorted = true

    private var networkChanges = 0

    /// Changes that wait at most; no monitor knows more addresses.
    private static let limit = 262_144
    /// Changes of networks that are followed at most: each costs a look at every host.
    private static let networkChangeLimit = 10_000

    /// Whether nothing waits for its time.
    var isEmpty: Bool { handovers.isEmpty }

    /// Takes in notes; what holds from the beginning goes to `body` at once.
    mutating func add(_ notes: [String], _ body: (WorkloadChange) -> Void) {
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
            if !rest.isEmpty { body(rest) }
        }
    }

    /// Gives `body` what holds at `time`.
    mutating func release(until time: Int64, _ body: (WorkloadChange) -> Void) {
        if !isSorted {
            handovers.sort { $0.time < $1.time }
            isSorted = true
        }
        let due = handovers.prefix { $0.time <= time }.count
        guard due > 0 else { return }
        for (_, change) in handovers[..<due] { body(change) }
        handovers.removeFirst(due)
    }
}

/// The packets of a recording in their order, and those that were forwarded, and so recorded twice, once.
struct RecordedPackets {
    private var merge = PacketMerge(interfaces: 2)
    private var newest = Int64.min

    /// Interfaces that are told apart: a packet comes out of the gateway by another one than it came in by.
    private static let interfaceCount: UInt32 = 64

    /// Takes in a packet, and hands on what is old enough that nothing older can come.
    mutating func add(_ packet: Packet, from interface: UInt32, _ body: (inout Packet) -> Void) {
        merge.add(packet, from: Int32(interface % Self.interfaceCount), body)
        newest = max(newest, packet.timeNanoseconds)
        merge.release(until: newest - FrameIntake.holdNanoseconds, body)
    }

    /// Hands on the rest.
    mutating func finish(_ body: (inout Packet) -> Void) { merge.release(until: .max, body) }
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
