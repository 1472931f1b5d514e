import Workloads

/// What each flow's packets need to know of its responder, and what its opener tries to log in
/// with, by the flow's slot.
struct FlowResponders: Sendable {
    private struct Responder: Sendable {
        /// The slot of the host, or -1.
        var slot: Int32 = -1
        /// Nil: not looked up yet.
        var place: Identity.Place?
        /// What the opener tries to log in with: a digest, `unknown`, or 0 for nothing.
        var attempt: UInt32 = 0
    }

    private var table: [Responder] = []

    /// Notes the responder of a new flow.
    mutating func begin(_ flow: Int32, slot: Int?) {
        guard flow >= 0 else { return }
        let index = Int(flow)
        if index >= table.count {
            let count = max(index + 1, table.count * 2)
            table += repeatElement(Responder(), count: count - table.count)
        }
        table[index] = Responder(slot: slot.map(Int32.init) ?? -1)
    }

    /// The slot of the host; nil if it was not watched when the flow began.
    func slot(_ flow: Int32) -> Int? {
        guard has(flow), table[Int(flow)].slot >= 0 else { return nil }
        return Int(table[Int(flow)].slot)
    }

    func place(_ flow: Int32) -> Identity.Place? { has(flow) ? table[Int(flow)].place : nil }

    mutating func setPlace(_ place: Identity.Place, of flow: Int32) {
        if has(flow) { table[Int(flow)].place = place }
    }

    /// Several attempts, or one without a digest. Digests are odd.
    private static let unknown: UInt32 = 2

    /// Notes an attempt to log in. Of two different ones nobody knows which the responder answers,
    /// nor whether it received the first of two segments with the same numbers.
    ///
    /// - Parameter isRepeated: whether its numbers were sent before; it may have been answered.
    mutating func noteAttempt(_ credentials: UInt32, on flow: Int32, isRepeated: Bool) {
        guard has(flow) else { return }
        let attempt = credentials == 0 ? Self.unknown : credentials
        let before = table[Int(flow)].attempt
        guard before != 0 || !isRepeated else { return }
        table[Int(flow)].attempt = before == 0 || before == attempt ? attempt : Self.unknown
    }

    /// Returns the digest of the attempt that the responder has answered; 0: it has none.
    mutating func takeAttempt(on flow: Int32) -> UInt32 {
        guard has(flow) else { return 0 }
        defer { table[Int(flow)].attempt = 0 }
        let attempt = table[Int(flow)].attempt
        return attempt == Self.unknown ? 0 : attempt
    }

    /// Addresses may have new owners.
    mutating func forgetPlaces() {
        for index in table.indices { table[index].place = nil }
    }

    @inline(__always)
    func prefetch(_ flow: Int32) {
        if has(flow) { table.prefetch(Int(flow)) }
    }

    private func has(_ flow: Int32) -> Bool { flow >= 0 && Int(flow) < table.count }
}
