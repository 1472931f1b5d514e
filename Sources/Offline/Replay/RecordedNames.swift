import NetworkAddresses
import PacketDecoding
import Workloads
import Timestamps

/// What a monitor has noted beside the packets that it kept: who had which address, and from when
/// on. As in the monitor, a name holds for the packets from its time on.
struct RecordedNames {
    /// Whether a monitor's notes were found.
    private(set) var isRecording = false
    /// What holds from the beginning, latest first.
    private var ready: [WorkloadChange] = []
    /// Addresses that change hands at a time that the packets have not reached, from `first` on.
    private var handovers: [(time: Timestamp, change: WorkloadChange)] = []
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
    mutating func next(at time: Timestamp) -> WorkloadChange? {
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
