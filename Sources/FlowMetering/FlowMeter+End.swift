internal import NetworkAddresses
internal import PacketDecoding
internal import Timestamps

/// The end of flows, and their records.
extension FlowMeter {
    /// The time at which a flow expires if no further packet comes.
    private func deadline(of slot: Int32) -> Timestamp {
        table[slot].last
            + (table[slot].bits.contains(.closed) ? close : idle)
    }

    /// Ends the flows that are due by the clock.
    @inline(never)
    mutating func expire() {
        if table.count == 0 {
            wheel.start(at: clock)
            return
        }
        while let head = wheel.advance(towards: clock) {
            var slot = head
            while slot >= 0 {
                let next = table[slot].next
                let due = deadline(of: slot)
                if due < clock {
                    let isClosed = table[slot].bits.contains(.closed)
                    endUnlinked(slot, isClosed ? .endOfFlow : .idleTimeout)
                } else {
                    wheel.insert(slot, deadline: due, in: table)
                }
                slot = next
            }
        }
    }

    /// Ends a flow and removes it from the wheel.
    mutating func end(_ slot: Int32, _ reason: FlowEndReason) {
        wheel.remove(slot, from: table)
        endUnlinked(slot, reason)
    }

    private mutating func endUnlinked(_ slot: Int32, _ reason: FlowEndReason) {
        table.remove(slot)
        queue(slot, reason)
    }

    /// Counts an end, and queues the slot for `drain` or frees it.
    private mutating func queue(_ slot: Int32, _ reason: FlowEndReason) {
        switch reason {
        case .idleTimeout: counters.endedIdle &+= 1
        case .activeTimeout: counters.endedActive &+= 1
        case .endOfFlow: counters.endedByClose &+= 1
        case .forcedEnd: counters.endedForced &+= 1
        case .lackOfResources: counters.evicted &+= 1
        }
        guard options.collectsRecords else {
            free(slot)
            return
        }
        table[slot].bits.insert(.reason(reason))
        table[slot].next = -1
        if endedTail >= 0 { table[endedTail].next = slot } else { endedHead = slot }
        endedTail = slot
        endedCount += 1
    }

    private mutating func free(_ slot: Int32) {
        let wrapping = table[slot].wrapping
        if wrapping >= 0 {
            wrappings[Int(wrapping)].next = freeWrapping
            freeWrapping = wrapping
        }
        table.release(slot)
    }

    /// Reports an active flow: queues a copy of it, and resets its counters.
    @inline(never)
    mutating func report(_ slot: Int32) {
        if options.collectsRecords {
            let copy = allocate()
            table[copy] = table[slot]
            if table[slot].wrapping >= 0 {
                // The copy gets its own pair, so that each is freed once.
                let pair = wrappings[Int(table[slot].wrapping)]
                wrappings.append(pair)
                table[copy].wrapping = Int32(wrappings.count - 1)
            }
            queue(copy, .activeTimeout)
        } else {
            counters.endedActive &+= 1
        }
        table[slot].fromLow.restart()
        table[slot].fromHigh.restart()
        table[slot].bits.insert(.continued)
    }

    /// Returns a slot for a new flow. If the table is full, ends the flow that has been idle
    /// longest.
    mutating func allocateFlow() -> Int32 {
        if Int(table.count) >= options.capacity { evict() }
        return allocate()
    }

    /// Returns a free slot. There are some slots above the capacity for queued records; if they are
    /// used up, the oldest record is dropped.
    mutating func allocate() -> Int32 {
        while true {
            if let slot = table.allocate() { return slot }
            dropRecord()
        }
    }

    /// Ends the flow that has been idle longest, with the precision of a step of the wheel.
    private mutating func evict() {
        while true {
            let slot = wheel.earliestSlot()
            guard slot >= 0 else { return }
            wheel.remove(slot, from: table)
            let due = deadline(of: slot)
            // Packets have arrived since it was inserted: insert it again by its new deadline.
            guard wheel.step(of: due) >= wheel.earliest else {
                endUnlinked(slot, .lackOfResources)
                return
            }
            wheel.insert(slot, deadline: due, in: table)
        }
    }

    /// Drops the oldest queued record.
    private mutating func dropRecord() {
        let slot = endedHead
        guard slot >= 0 else { return }
        endedHead = table[slot].next
        if endedHead < 0 { endedTail = -1 }
        endedCount -= 1
        counters.lostRecords &+= 1
        free(slot)
    }

    /// Ends all remaining flows, in the order in which they started. The meter remains usable.
    ///
    /// The order of slots would not do: it depends on how often `drain` was called, and so on the
    /// sizes of the reads of a file.
    public mutating func finish() {
        var flows: [(start: Timestamp, slot: Int32)] = []
        flows.reserveCapacity(Int(table.count))
        for slot in 0..<table.used where table.holds(slot) {
            flows.append((table[slot].start, slot))
        }
        if options.collectsRecords {
            flows.sort {
                $0.start == $1.start
                    ? table[$0.slot].hasLowerKey(than: table[$1.slot]) : $0.start < $1.start
            }
        }
        for flow in flows { queue(flow.slot, .forcedEnd) }
        table.removeAll()
        wheel.removeAll()
    }

    /// Whether records are queued for `drain`.
    public var hasRecords: Bool { endedHead >= 0 }

    /// Passes queued records to `body`, in the order in which the flows ended, and removes them.
    public mutating func drain(
        upTo limit: Int = .max, _ body: (borrowing FlowRecord) -> Void
    ) {
        var left = limit
        while endedHead >= 0, left > 0 {
            let slot = endedHead
            let wrapping = table[slot].wrapping
            body(FlowRecord(table[slot], wrapping >= 0 ? wrappings[Int(wrapping)] : nil))
            endedHead = table[slot].next
            endedCount -= 1
            free(slot)
            left -= 1
        }
        if endedHead < 0 { endedTail = -1 }
    }
}
