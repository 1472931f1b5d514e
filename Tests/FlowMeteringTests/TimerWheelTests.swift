import Testing
import Timestamps

@testable import FlowMetering

/// Deadlines of flows, in buckets.
struct TimerWheelTests {
    private let start = Timestamp(second: 1_700_000_000)

    /// Slots that a step handed out, in the order of its list.
    private static func list(from head: Int32, in table: borrowing FlowTable) -> [Int32] {
        var slots: [Int32] = []
        var slot = head
        while slot >= 0 {
            slots.append(slot)
            slot = table[slot].next
        }
        return slots
    }

    /// Steps to `time`; the slots that became due, in their order.
    private static func due(
        _ wheel: inout TimerWheel, at time: Timestamp, in table: borrowing FlowTable
    ) -> [Int32] {
        var slots: [Int32] = []
        while let head = wheel.advance(towards: time) { slots += list(from: head, in: table) }
        return slots
    }

    @Test func aSlotIsDueAfterItsDeadlineAndWithinAStepOfIt() {
        var table = FlowTable(capacity: 8)
        var wheel = TimerWheel(longest: .seconds(600))
        wheel.start(at: start)
        let deadlines = [3, 70, 599].map { start + .seconds($0) }
        let slots = deadlines.compactMap { _ in table.allocate() }
        for (slot, deadline) in zip(slots, deadlines) {
            wheel.insert(slot, deadline: deadline, in: table)
        }
        // 600 s fill at most half of the wheel: a step is shorter than 600 s / 1024.
        for (slot, deadline) in zip(slots, deadlines) {
            #expect(Self.due(&wheel, at: deadline, in: table).isEmpty)
            #expect(Self.due(&wheel, at: deadline + .milliseconds(600), in: table) == [slot])
        }
    }

    @Test func slotsLeaveTheirListFromAnyPlace() {
        var table = FlowTable(capacity: 8)
        var wheel = TimerWheel(longest: .seconds(60))
        wheel.start(at: start)
        let slots = (0..<5).compactMap { _ in table.allocate() }
        for slot in slots { wheel.insert(slot, deadline: start + .seconds(5), in: table) }
        // The list is last in, first out: its middle, its head and its end.
        for slot in [slots[2], slots[4], slots[0]] { wheel.remove(slot, from: table) }
        #expect(Self.due(&wheel, at: start + .seconds(6), in: table) == [slots[3], slots[1]])
    }

    @Test func aDeadlineThatHasPassedIsDueInTheNextStep() {
        var table = FlowTable(capacity: 2)
        var wheel = TimerWheel(longest: .seconds(60))
        wheel.start(at: start)
        guard let slot = table.allocate() else { return }
        wheel.insert(slot, deadline: start - .seconds(100), in: table)
        #expect(wheel.earliestSlot() == slot)
        #expect(wheel.advance(towards: start + .seconds(1)) == slot)
    }

    @Test func afterALongGapEachBucketIsVisitedOnce() {
        var table = FlowTable(capacity: 4)
        var wheel = TimerWheel(longest: .seconds(60))
        wheel.start(at: start)
        let slots = (0..<3).compactMap { _ in table.allocate() }
        for (number, slot) in slots.enumerated() {
            wheel.insert(slot, deadline: start + .seconds(20 * number), in: table)
        }
        var turns = 0
        var found: [Int32] = []
        while let head = wheel.advance(towards: start + .seconds(86_400 * 365)) {
            turns += 1
            found += Self.list(from: head, in: table)
        }
        #expect(turns == TimerWheel.bucketCount && found.sorted() == slots)
        #expect(wheel.earliestSlot() == -1)
    }

    @Test func theEarliestSlotIsTheOneToEvict() {
        var table = FlowTable(capacity: 4)
        var wheel = TimerWheel(longest: .seconds(60))
        wheel.start(at: start)
        let slots = (0..<3).compactMap { _ in table.allocate() }
        for (slot, second) in zip(slots, [50, 10, 30]) {
            wheel.insert(slot, deadline: start + .seconds(second), in: table)
        }
        var order: [Int32] = []
        while case let slot = wheel.earliestSlot(), slot >= 0 {
            order.append(slot)
            wheel.remove(slot, from: table)
        }
        #expect(order == [slots[1], slots[2], slots[0]])
    }
}
