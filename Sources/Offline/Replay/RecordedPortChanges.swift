import FeatureExtraction
import PacketCapture
import SenderAttribution
import Timestamps

/// A recording's descriptions of the ports of a monitor's node: a port is valid from its
/// description until the time at which it was gone.
struct RecordedPortChanges {
    private var ready = PortChange()
    /// Ports whose end is later than the packets so far, the next one last.
    private var leaving: [(time: Timestamp, port: UInt32)] = []
    private var isSorted = true
    /// Whether a change may be due: for one look at each packet.
    private(set) var hasChanges = false

    /// Adds the descriptions that were read.
    mutating func add(_ notes: [RecordedPort]) {
        hasChanges = hasChanges || !notes.isEmpty
        for note in notes {
            if let time = note.goneTime {
                leaving.append((time, note.number))
                isSorted = false
            } else {
                ready.nodeAddresses.formUnion(note.addresses)
                ready.facts.append(
                    PortFacts(port: note.number, name: note.name, isShared: note.isShared))
            }
        }
    }

    /// The change that is due at `time`; nil: there is none.
    mutating func next(at time: Timestamp) -> PortChange? {
        if !isSorted {
            leaving.sort { $0.time > $1.time }
            isSorted = true
        }
        while let next = leaving.last, next.time <= time {
            ready.gone.append(next.port)
            leaving.removeLast()
        }
        guard !ready.isEmpty else {
            hasChanges = !leaving.isEmpty
            return nil
        }
        defer { ready = PortChange() }
        return ready
    }
}
