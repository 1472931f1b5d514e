internal import CPrefetch

extension Array {
    /// Prefetches the first bytes of an element; nothing if there is no such element.
    @inline(__always)
    func prefetch(_ index: Int = 0, byteCount: Int = 64) {
        guard indices.contains(index) else { return }
        unsafe withUnsafeBufferPointer { elements in
            // SAFETY: the index is checked, and prefetching never faults, wherever a line is.
            guard let base = elements.baseAddress else { return }
            let element = unsafe UnsafeRawPointer(base + index)
            var offset = 0
            while offset < byteCount {
                unsafe lazaret_prefetch(element + offset)
                offset += 64
            }
        }
    }
}
