import NetworkAddresses
import Workloads

/// The targets that are watched, in bounded memory: about 15 KB each.
///
/// Known workloads always have a place. Of others there are at most half as many; the next
/// one replaces one that never answered, so that packets to addresses without a host do not keep
/// real hosts from being watched.
struct TargetTable: Sendable {
    private static let limit = 4096
    private static let placesLookedAt = 16
    /// The least number of packets in a window that is looked at.
    static let leastFlood = 300
    static let leastScan = 20

    private var states: [TargetState] = []
    private var slots: [IPAddress: Int] = [:]
    private var free: [Int] = []
    private var unknownCount = 0
    private var hand = 0
    private var second = Int.min
    /// The targets of packets in `second`.
    private var active: [Int] = []
    private var turn = (place: 0, scale: 0)

    /// Whether `nextTarget` is called.
    var isUsed = false

    mutating func restart() {
        let isUsed = isUsed
        self = TargetTable()
        self.isUsed = isUsed
    }

    /// The targets that were looked up last, by some bits of their addresses.
    private var recent = [Recent](repeating: Recent(), count: 64)

    private struct Recent {
        var address = IPAddress.unspecified
        var slot: Int32 = -1
    }

    private static func place(of address: IPAddress) -> Int {
        Int(truncatingIfNeeded: (address.low ^ address.low >> 8) & 63)
    }

    /// The slot of a target; nil if it is not watched.
    subscript(address: IPAddress) -> Int? {
        mutating get {
            let place = Self.place(of: address)
            if recent[place].address == address, recent[place].slot >= 0 {
                return Int(recent[place].slot)
            }
            guard let slot = slots[address] else { return nil }
            recent[place] = Recent(address: address, slot: Int32(truncatingIfNeeded: slot))
            return slot
        }
    }

    /// Whether an address received packets of many unknown senders in `second`, which has ended.
    mutating func isCrowded(_ address: IPAddress, in second: Int) -> Bool {
        guard isUsed, let slot = self[address] else { return false }
        return states[slot].isCrowded(in: second)
    }

    /// Changes the state in `slot` in `second`, which must not be before the last one.
    @inline(__always)
    mutating func update(_ slot: Int, _ second: Int, _ body: (inout TargetState) -> Void) {
        self.second = second
        states[slot].advance(to: second)
        if !states[slot].isActive {
            states[slot].isActive = true
            active.append(slot)
        }
        body(&states[slot])
    }

    /// The slot of a target; made where there is none and room for one.
    mutating func slot(of address: IPAddress, isKnown: Bool, second: Int) -> Int? {
        if let slot = self[address] { return slot }
        guard isKnown || unknownCount < Self.limit / 2 || forgetSilent() else { return nil }
        guard slots.count < Self.limit || isKnown && forgetUnknown() else { return nil }
        let state = TargetState(address: address, isKnown: isKnown, second: second)
        let slot: Int
        if let reused = free.popLast() {
            slot = reused
            states[slot] = state
        } else {
            slot = states.count
            states.append(state)
        }
        slots[address] = slot
        unknownCount += isKnown ? 0 : 1
        return slot
    }

    /// Examines a few states; the next call continues from there.
    private mutating func forgetSilent() -> Bool {
        forget(among: Self.placesLookedAt) { !$0.isKnown && !$0.isAlive }
    }

    /// Examines all states: known workloads are few, and seldom new.
    private mutating func forgetUnknown() -> Bool {
        forget(among: states.count) { !$0.isKnown }
    }

    private mutating func forget(among places: Int, where mayGo: (TargetState) -> Bool) -> Bool {
        for _ in 0..<min(states.count, places) {
            hand = hand + 1 < states.count ? hand + 1 : 0
            if states[hand].isLive, mayGo(states[hand]) {
                remove(hand)
                return true
            }
        }
        return false
    }

    private mutating func remove(_ slot: Int) {
        states[slot].isLive = false
        unknownCount -= states[slot].isKnown ? 0 : 1
        slots[states[slot].address] = nil
        recent[Self.place(of: states[slot].address)] = Recent()
        free.append(slot)
    }

    /// Whether packets of a second before `end` are to be looked at.
    @inline(__always)
    func hasEnded(before end: Int) -> Bool { second < end && !active.isEmpty }

    /// Ends the second of the latest packets, if it lies before `end`; returns the next window that
    /// is worth a look.
    mutating func next(before end: Int, identity: (IPAddress) -> Identity) -> TargetWindow? {
        guard hasEnded(before: end) else { return nil }
        while turn.place < active.count {
            let slot = active[turn.place]
            if states[slot].isLive {
                if turn.scale == 0 { states[slot].endSecond() }
                if let scale = nextScale(slot) {
                    return states[slot].window(
                        scale, second, identity: identity(states[slot].address))
                }
            }
            turn = (turn.place + 1, 0)
        }
        turn = (0, 0)
        active.removeAll(keepingCapacity: true)
        if second / Scale.medium.seconds != end / Scale.medium.seconds { forgetIdle(second) }
        return nil
    }

    private mutating func forgetIdle(_ second: Int) {
        for slot in states.indices
        where states[slot].isLive && second - states[slot].newestSecond > Scale.long.seconds {
            remove(slot)
        }
    }

    private mutating func nextScale(_ slot: Int) -> Scale? {
        while let scale = Scale(rawValue: turn.scale) {
            turn.scale += 1
            guard states[slot].isDue(scale) else { continue }
            if isWorthALook(slot, scale) { return scale }
        }
        return nil
    }

    /// Rules out most windows before distinct senders and ports are counted.
    private func isWorthALook(_ slot: Int, _ scale: Scale) -> Bool {
        let counts = states[slot].counts(scale)
        guard scale != .short else {
            return counts.total >= Self.leastFlood && !states[slot].hasOneSender
        }
        let opened = counts.opened
        return opened >= Self.leastScan
            && (opened > 2 * counts[.completed] || counts[.logins] >= Self.leastScan)
    }
}
