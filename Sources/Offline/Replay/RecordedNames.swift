import NetworkAddresses
import PacketDecoding
import Workloads
import Timestamps

/// The names that a monitor has recorded beside its packets: which workload had which address, and
/// since when. As in the monitor, a name applies to the packets from its time on.
///
/// Any program that writes a capture can write such notes. Only trusted notes name a workload; of
/// others, the first names are shown.
struct RecordedNames {
    /// Whether a monitor's notes were found.
    private(set) var isRecording = false
    /// Named addresses that exceeded the limits.
    private(set) var lostCount = 0

    private let isTrusted: Bool
    /// Names from untrusted notes, which are only shown.
    private var untrusted: [String] = []
    private var readCount = 0
    /// Changes that hold from the beginning, latest first.
    private var ready: [WorkloadChange] = []
    /// Changes of address holders that take effect later than the packets so far; those before
    /// `first` have been returned.
    private var handovers: [Handover] = []
    private var first = 0
    private var isSorted = true
    /// Whether a change may be due: for one look at each packet.
    private(set) var hasChanges = false
    private var networkChanges = 0
    /// The bytes stored for each address that has a holder.
    private var sizes: [IPAddress: Int] = [:]
    private var size = 0

    private struct Handover {
        var time: Timestamp
        var address: IPAddress
        var holder: Inventory.Holder?
    }

    /// The most changes that wait, and the most addresses with a holder; no monitor knows more.
    private static let limit = 262_144
    /// The most bytes stored for all holders.
    private static let sizeLimit = 128 << 20
    /// The most changes of networks that are applied: each requires a pass over every host.
    private static let networkChangeLimit = 10_000
    /// The most notes that are read, and names that are kept, of untrusted notes.
    private static let shownNotes = 64
    private static let shownNames = 8

    init(isTrusted: Bool) { self.isTrusted = isTrusted }

    /// A line about names that were not applied; nil if all were.
    var remark: String? {
        if !untrusted.isEmpty {
            return
                """
                a capture's notes name workloads \
                (\(untrusted.joined(separator: ", "))\(readCount > 1 ? ", …" : "")) \
                and are not believed; --trust-notes takes them from a recording that you trust
                """
        }
        return lostCount > 0
            ? """
            a capture's notes name \(lostCount) addresses past the limit; they keep their \
            addresses as names
            """
            : nil
    }

    /// Adds notes.
    mutating func add(_ notes: [String]) {
        guard isTrusted else { return show(notes) }
        handovers.removeFirst(first)
        first = 0
        var fresh: [WorkloadChange] = []
        for change in notes.lazy.compactMap({ WorkloadChange(note: $0) }) {
            isRecording = true
            var rest = change
            if change.networks != nil {
                networkChanges += 1
                if networkChanges > Self.networkChangeLimit { rest.networks = nil }
            }
            for (address, holder) in change.holders {
                guard hasRoom(for: address, holder) else {
                    rest.holders[address] = nil
                    lostCount += 1
                    continue
                }
                guard let time = change.times[address] else { continue }
                rest.holders[address] = nil
                handovers.append(Handover(time: time, address: address, holder: holder))
                isSorted = false
            }
            if !rest.isEmpty { fresh.append(rest) }
        }
        ready = fresh.reversed() + ready
        hasChanges = true
    }

    private mutating func show(_ notes: [String]) {
        for note in notes where readCount < Self.shownNotes {
            guard let change = WorkloadChange(note: note) else { continue }
            isRecording = true
            readCount += 1
            for name in change.holders.values.compactMap({ $0?.workload }).sorted()
            where untrusted.count < Self.shownNames && !untrusted.contains(name) {
                untrusted.append(name)
            }
        }
    }

    private mutating func hasRoom(for address: IPAddress, _ holder: Inventory.Holder?) -> Bool {
        guard handovers.count < Self.limit else { return false }
        let before = sizes[address] ?? 0
        let after = holder?.byteCount ?? 0
        guard after == 0 || before > 0 || sizes.count < Self.limit,
            size - before + after <= Self.sizeLimit
        else { return false }
        sizes[address] = after == 0 ? nil : after
        size += after - before
        return true
    }

    /// The next change that holds at `time`; nil if all have been returned.
    mutating func next(at time: Timestamp) -> WorkloadChange? {
        if let change = ready.popLast() { return change }
        guard first < handovers.count else {
            hasChanges = false
            return nil
        }
        if !isSorted {
            handovers.sort { $0.time < $1.time }
            isSorted = true
        }
        let next = handovers[first]
        guard next.time <= time else { return nil }
        first += 1
        var change = WorkloadChange()
        change.holders[next.address] = .some(next.holder)
        change.times[next.address] = next.time
        return change
    }
}

extension Inventory.Holder {
    /// The approximate size in memory.
    fileprivate var byteCount: Int {
        128 + workload.utf8.count + (image?.utf8.count ?? 0) + (instance?.utf8.count ?? 0)
            + labels.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count + 64 }
    }
}
