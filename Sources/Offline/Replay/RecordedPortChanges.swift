import FeatureExtraction
import PacketCapture
import Timestamps

/// What a monitor has described of the ports of its node: a port holds from where it is described,
/// and until the time at which it went.
struct RecordedPortChanges {
    private var ready = PortChange()
    /// Ports that go at a time that the packets have not reached, the next one last.
    private var leaving: [(time: Timestamp, port: UInt32)] = []
    private var isSorted = true

    /// Takes in what was read.
    mutating func add(_ notes: [RecordedPort]) {
        for note in notes {
            if let time = note.goneTime {
                leaving.append((time, note.number))
                isSorted = false
            } else {
                ready.facts.append(
                    PortFacts(port: note.number, name: note.name, isShared: note.isShared))
            }
        }
    }

    /// The change that holds at `time`; nil: there is none.
    mutating func next(at time: Timestamp) -> PortChange? {
        if !isSorted {
            leaving.sort { $0.time > $1.time }
            isSorted = true
        }
        while let next = leaving.last, next.time <= time {
            ready.gone.append(next.port)
            leaving.removeLast()
        }
        guard !ready.isEmpty else { return nil }
        defer { ready = PortChange() }
        return ready
    }
}
