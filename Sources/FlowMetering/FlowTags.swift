internal import CPrefetch

/// A word for each flow, which later packets of the flow bring along.
///
/// It is kept apart from the meter, so that one thread can meter packets while another one attaches
/// words to the flows of earlier packets.
public struct FlowTags: Sendable {
    private var words: [UInt32] = []

    public init() {}

    /// Sets the tags of an update: 0 for a new flow.
    ///
    /// Called once for each packet, in order.
    @inline(__always)
    public mutating func complete(_ update: inout FlowUpdate) {
        update.relatedTag = self[update.relatedFlow]
        guard update.isNewFlow else {
            update.tag = self[update.flow]
            return
        }
        update.tag = 0
        // What was kept there is of an earlier flow.
        if self[update.flow] != 0 { words[Int(update.flow)] = 0 }
    }

    /// Prefetches the tag of the flow in a slot.
    @inline(__always)
    public func prefetch(_ flow: Int32) {
        guard flow >= 0, Int(flow) < words.count else { return }
        // SAFETY: the index is checked, and prefetching never faults.
        unsafe words.withUnsafeBufferPointer { words in
            guard let base = words.baseAddress else { return }
            unsafe lazaret_prefetch(base + Int(flow))
        }
    }

    /// The tag of the flow in a slot.
    @inline(__always)
    public subscript(flow: Int32) -> UInt32 {
        flow >= 0 && Int(flow) < words.count ? words[Int(flow)] : 0
    }

    /// Keeps a word for the flow of the last update; nothing where there is no flow.
    public mutating func set(_ tag: UInt32, of flow: Int32) {
        guard flow >= 0 else { return }
        let index = Int(flow)
        if index >= words.count {
            let count = max(index + 1, words.count * 2)
            words += repeatElement(0, count: count - words.count)
        }
        words[index] = tag
    }
}
