import NetworkAddresses
import Workloads

/// The targets that are watched, in bounded memory: about 15 KB each.
///
/// Known workloads always have a place. Of others there are at most half as many; one that never
/// answered anybody gives way to the next, so that packets to addresses without a host do not keep
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
    private var turn = (slot: 0, scale: 0)

    /// Whether anybody asks for the windows.
    var isUsed = false

    mutating func restart() {
        let isUsed = isUsed
        self = TargetTable()
        self.isUsed = isUsed
    }

    subscript(address: IPAddress) -> Int? { slots[address] }

    /// Changes the state in `slot`.
    mutating func update(_ slot: Int, _ body: (inout TargetState) -> Void) { body(&states[slot]) }

    /// The slot of a target; made where there is none and room for one.
    mutating func slot(of address: IPAddress, isKnown: Bool, second: Int) -> Int? {
        if let slot = slots[address] { return slot }
        if self.second == Int.min { self.second = second }
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

    private mutating func forgetSilent() -> Bool { forget { !$0.isKnown && !$0.isAlive } }
    private mutating func forgetUnknown() -> Bool { forget { !$0.isKnown } }

    /// - Complexity: O(1): examines a few states; the next call continues from there.
    private mutating func forget(where mayGo: (TargetState) -> Bool) -> Bool {
        for _ in 0..<min(states.count, Self.placesLookedAt) {
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
        free.append(slot)
    }

    /// Ends the seconds before `end`; returns the next window that is worth a look.
    mutating func next(
        before end: Int, identity: (IPAddress) -> Identity
    ) -> TargetWindow? {
        guard second != Int.min else { return nil }
        while second < end {
            if slots.isEmpty {
                (second, turn) = (end, (0, 0))
                return nil
            }
            while turn.slot < states.count {
                let slot = turn.slot
                if states[slot].isLive {
                    if turn.scale == 0 { states[slot].roll(second) }
                    if let scale = nextScale(slot) {
                        return states[slot].window(
                            scale, second, identity: identity(states[slot].address))
                    }
                    if second - states[slot].lastSecond > Scale.long.seconds { remove(slot) }
                }
                turn = (slot + 1, 0)
            }
            turn = (0, 0)
            second += 1
        }
        return nil
    }

    private mutating func nextScale(_ slot: Int) -> Scale? {
        while let scale = Scale(rawValue: turn.scale) {
            turn.scale += 1
            guard (second + 1) % scale.bucketSeconds == 0,
                second - states[slot].lastSecond < scale.bucketSeconds
            else { continue }
            let total = states[slot].counts(scale).total
            if total >= (scale == .short ? Self.leastFlood : Self.leastScan),
                scale != .short || !states[slot].hasOneSender
            {
                return scale
            }
        }
        return nil
    }
}
