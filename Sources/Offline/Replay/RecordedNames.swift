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
