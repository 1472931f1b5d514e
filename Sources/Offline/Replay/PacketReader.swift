import FeatureExtraction
import FlowMetering
import PacketCapture
import PacketDecoding
import SenderAttribution
import Workloads

/// The packets of captures, decoded and metered: the input of training, replay and evaluation.
///
/// Packets come in the order of the captures, and names precede the packets to which they apply:
///
///     while let step = try packets.next() {
///         switch step {
///         case .names(let change): tracker.apply(change)
///         case .ports(let change): tracker.apply(change)
///         case .clockSetBack: tracker.restart()
///         case .packet: print(packets.packet.source, packets.update.events)
///         }
///     }
struct PacketReader: ~Copyable {
    enum Step: Sendable {
        /// Changes of address owners, as a monitor recorded them.
        indirect case names(WorkloadChange)
        /// The monitor's notes about the ports of its node.
        indirect case ports(PortChange)
        /// The capture's clock was set back before the next packet: windows and flows start again.
        case clockSetBack
        /// The next packet is in `packet`, and what it did to its flow in `update`.
        case packet
    }

    private(set) var update = FlowUpdate()
    private var tags = FlowTags()
    private var batches: Batches<PacketSource>
    private var position = 0
    private var changePosition = 0
    /// - Parameter threads: with more than one, the captures are read on a thread of their own; the
    ///   results are the same.
    init(_ input: PacketSource.Input, threads: Int) throws(CaptureError) {
        batches = try Batches(isThread: threads > 1) { () throws(CaptureError) in
            try PacketSource(input)
        }
    }

    /// What was read, and the problems found; nil until `next` has returned nil.
    var report: PacketSource.Report? { batches.summary }

    /// The packet that `next` has advanced to; read in place, since a copy costs as much as a table
    /// look-up.
    var packet: Packet {
        _read { yield batches.current.packets[position - 1] }
    }

    /// Advances to the next packet, or to changes that apply from there on; nil at the end.
    mutating func next() throws(CaptureError) -> Step? {
        while true {
            if changePosition < batches.current.changes.count,
                batches.current.changes[changePosition].position == position
            {
                changePosition += 1
                return batches.current.changes[changePosition - 1].change
            }
            if position < batches.current.count {
                update = batches.current.updates[position]
                tags.complete(&update)
                position += 1
                return .packet
            }
            guard try batches.advance() else { return nil }
            (position, changePosition) = (0, 0)
        }
    }

    /// Prefetches what a tracker reads for the packets after this one.
    func prefetch(for tracker: inout WindowTracker) {
        tracker.prefetch(
            batches.current.updates, after: position, count: batches.current.count, tags)
    }

    /// Attaches a tag to the flow of `packet` until the flow ends; later packets have it in
    /// `update.tag`.
    mutating func setTag(_ tag: UInt32) { tags.set(tag, of: update.flow) }
}
