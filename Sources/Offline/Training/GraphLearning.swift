import FeatureExtraction
import FlowMetering
import PacketDecoding
import Workloads

/// Learns the communication graph from packets as they are read.
///
/// Keeps the packets from which it is learned: whose are not clean is known only at the end, and
/// the graph is then learned again without them.
struct GraphLearning: Sendable {
    /// The default for the number of packets that are kept, 220 bytes each. Few packets of a flow
    /// are: the first one, the first answer, and questions for names.
    static let keptLimit = 1 << 19

    /// A packet, and what it did to its flow.
    private struct Kept: Sendable {
        var packet: Packet
        var events: FlowUpdate.Events
    }

    /// The number of packets of a chunk.
    private static let chunk = 4096

    private(set) var learner: GraphLearner
    private let isClean: (@Sendable (Packet) -> Bool)?
    /// The number of packets for which there is room.
    private var room: Int
    /// In chunks, since a growing array takes twice its size for a moment. A change starts one.
    private var kept: [[Kept]] = []
    /// Each with the number of chunks before it.
    private var changes: [(position: Int, change: PacketReader.Step)] = []
    private var startsChunk = true

    /// - Parameters:
    ///   - keptLimit: the number of packets that are kept; beyond it, none are.
    ///   - isClean: whether a packet is learned; nil: each is.
    init(
        inventory: Inventory, keptLimit: Int = 0, isClean: (@Sendable (Packet) -> Bool)? = nil
    ) {
        learner = GraphLearner(inventory: inventory)
        self.isClean = isClean
        room = keptLimit
    }

    /// Learns the packets of a batch and the changes between them.
    mutating func observe(_ batch: borrowing PacketBatch) {
        var next = 0
        for position in 0...batch.count {
            while next < batch.changes.count, batch.changes[next].position == position {
                keep(batch.changes[next].change)
                apply(batch.changes[next].change)
                next += 1
            }
            guard position < batch.count,
                GraphLearner.learns(from: batch.packets[position], batch.updates[position])
            else { continue }
            keep(batch.packets[position], batch.updates[position].events)
            learn(batch.packets[position], batch.updates[position])
        }
    }

    /// Learns what another one has kept.
    ///
    /// - Returns: false if that is not all.
    mutating func observe(_ other: borrowing GraphLearning) -> Bool {
        guard other.room > 0 else { return false }
        var next = 0
        for position in 0...other.kept.count {
            while next < other.changes.count, other.changes[next].position == position {
                apply(other.changes[next].change)
                next += 1
            }
            guard position < other.kept.count else { continue }
            for one in other.kept[position] {
                var update = FlowUpdate()
                update.events = one.events
                learn(one.packet, update)
            }
        }
        return true
    }

    private mutating func learn(_ packet: Packet, _ update: FlowUpdate) {
        if isClean?(packet) ?? true { learner.observe(packet, update) }
    }

    private mutating func apply(_ change: PacketReader.Step) {
        switch change {
        case .names(let change): learner.apply(change)
        case .ports(let change): learner.apply(change)
        case .clockSetBack, .packet: break
        }
    }

    private mutating func keep(_ packet: Packet, _ events: FlowUpdate.Events) {
        guard takeRoom() else { return }
        if startsChunk || kept[kept.count - 1].count == Self.chunk {
            kept.append([])
            startsChunk = false
        }
        kept[kept.count - 1].append(Kept(packet: packet, events: events))
    }

    private mutating func keep(_ change: PacketReader.Step) {
        guard takeRoom() else { return }
        changes.append((kept.count, change))
        startsChunk = true
    }

    /// Takes room for one step; false if there is none, and what was kept is of no use.
    private mutating func takeRoom() -> Bool {
        guard room > 0 else { return false }
        room -= 1
        if room == 0 { (kept, changes) = ([], []) }
        return room > 0
    }
}
