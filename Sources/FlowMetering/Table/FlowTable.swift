internal import CPrefetch
internal import Glibc
internal import NetworkAddresses
internal import PacketDecoding

/// The memory of the flow table: slots in one large reservation, and an index with open addressing.
///
/// The reservation is address space only; pages are allocated as slots are used. All unsafe memory
/// of the meter is here.
@safe
struct FlowTable: ~Copyable {
    private let slots: UnsafeMutablePointer<FlowSlot>
    private let byteCount: Int
    let capacity: Int32
    /// All slots below this number have been used.
    private(set) var used: Int32 = 0
    private var free: Int32 = -1
    /// The hash in the upper half, slot + 1 in the lower; 0 is empty.
    private var index: UnsafeMutablePointer<UInt64>
    private(set) var mask: UInt32
    private(set) var count: Int32 = 0

    init(capacity: Int) {
        let bounded = min(max(capacity, 1), 1 << 30)
        self.capacity = Int32(bounded)
        byteCount = (bounded + 1) * MemoryLayout<FlowSlot>.stride
        let mapped = unsafe mmap(
            nil, byteCount, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
            -1, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            fatalError("no address space for \(bounded) flows; lower the flow table's capacity")
        }
        unsafe madvise(mapped, byteCount, MADV_HUGEPAGE)
        unsafe slots = mapped.bindMemory(to: FlowSlot.self, capacity: bounded + 1)
        mask = 0xFFFF
        unsafe index = Self.makeIndex(1 << 16)
    }

    // SAFETY: only this value uses the two regions.
    deinit {
        unsafe munmap(slots, byteCount)
        unsafe Glibc.free(index)
    }

    private static func makeIndex(_ count: Int) -> UnsafeMutablePointer<UInt64> {
        // For this size calloc maps fresh pages, so only the used part of the index needs memory.
        guard let memory = unsafe calloc(count, 8) else {
            fatalError("out of memory for the index of \(count) flows")
        }
        if count >= 1 << 18 { unsafe madviseHuge(memory, count * 8) }
        return unsafe memory.bindMemory(to: UInt64.self, capacity: count)
    }

    private static func madviseHuge(_ memory: UnsafeMutableRawPointer, _ length: Int) {
        let start = UInt(bitPattern: memory)
        let first = (start + 4095) & ~4095
        guard let aligned = unsafe UnsafeMutableRawPointer(bitPattern: first) else { return }
        unsafe madvise(aligned, length - Int(first - start), MADV_HUGEPAGE)
    }

    /// A slot, accessed in place. Slot numbers come from this table only, never from input.
    subscript(slot: Int32) -> FlowSlot {
        // SAFETY: the table returns only numbers below `capacity`, all of them in the mapping.
        @inline(__always)
        unsafeAddress { unsafe UnsafePointer(slots + Int(slot)) }
        @inline(__always)
        nonmutating unsafeMutableAddress { unsafe slots + Int(slot) }
    }

    /// The counters of one end of a slot's flow, selected without a branch, because the sender is
    /// unpredictable.
    subscript(slot: Int32, fromHigh fromHigh: Bool) -> SideCounters {
        // SAFETY: as above; both sides are in the slot.
        @inline(__always)
        unsafeAddress { unsafe UnsafePointer(side(slot, fromHigh)) }
        @inline(__always)
        nonmutating unsafeMutableAddress { unsafe side(slot, fromHigh) }
    }

    @inline(__always)
    private func side(_ slot: Int32, _ fromHigh: Bool) -> UnsafeMutablePointer<SideCounters> {
        let low = MemoryLayout<FlowSlot>.offset(of: \.fromLow) ?? 0
        let offset = low &+ (fromHigh ? MemoryLayout<SideCounters>.stride : 0)
        return unsafe (UnsafeMutableRawPointer(slots + Int(slot)) + offset)
            .assumingMemoryBound(to: SideCounters.self)
    }

    // MARK: slots

    /// Returns a free slot, or nil if the table is full. The slot's old content is not cleared.
    mutating func allocate() -> Int32? {
        if free >= 0 {
            let slot = free
            free = self[slot].next
            return slot
        }
        guard used < capacity else { return nil }
        used &+= 1
        return used &- 1
    }

    mutating func release(_ slot: Int32) {
        self[slot].next = free
        self[slot].ipVersion = 0
        free = slot
    }

    /// Whether a used slot holds a flow that has not ended.
    func holds(_ slot: Int32) -> Bool {
        self[slot].ipVersion != 0 && !self[slot].bits.hasEnded
    }

    /// Whether `slot`, which may be any number, holds the flow with this key.
    @inline(__always)
    func holds(_ slot: Int32, _ key: CanonicalKey) -> Bool {
        slot >= 0 && slot < used && key.matches(self[slot]) && !self[slot].bits.hasEnded
    }

    /// Clears the index; the slots do not change.
    mutating func removeAll() {
        unsafe index.update(repeating: 0, count: Int(mask) + 1)
        count = 0
    }

    // MARK: index

    /// Prefetches the cache line of the index where the search for `hash` starts.
    @inline(__always)
    func prefetchIndex(_ hash: UInt64) {
        unsafe lazaret_prefetch(index + Int(UInt32(truncatingIfNeeded: hash >> 32) & mask))
    }

    /// Prefetches the cache lines that a packet touches in the slot for `hash`. Returns the slot's
    /// number, counted from 1; 0 without a slot.
    @inline(__always)
    func prefetchSlot(_ hash: UInt64, fromHigh: Bool) -> Int32 {
        let wanted = UInt32(truncatingIfNeeded: hash >> 32)
        var at = wanted & mask
        // SAFETY: `at` is masked to the index's size.
        var entry = unsafe index[Int(at)]
        while entry != 0, UInt32(truncatingIfNeeded: entry >> 32) != wanted {
            at = (at &+ 1) & mask
            entry = unsafe index[Int(at)]
        }
        guard entry != 0 else { return 0 }
        let slot = unsafe UnsafeRawPointer(
            slots + Int(UInt32(truncatingIfNeeded: entry) &- 1))
        unsafe lazaret_prefetch(slot)
        unsafe lazaret_prefetch(slot + 64)
        unsafe lazaret_prefetch(slot + 128)
        unsafe lazaret_prefetch(slot + (fromHigh ? 192 : 128))
        return Int32(truncatingIfNeeded: entry)
    }

    /// The slot of the flow with this key, or -1.
    @inline(__always)
    func find(_ key: CanonicalKey, hash: UInt32) -> Int32 {
        var at = hash & mask
        while true {
            // SAFETY: `at` is masked to the index's size.
            let entry = unsafe index[Int(at)]
            if entry == 0 { return -1 }
            if UInt32(truncatingIfNeeded: entry >> 32) == hash {
                let slot = Int32(truncatingIfNeeded: entry) &- 1
                if key.matches(self[slot]) { return slot }
            }
            at = (at &+ 1) & mask
        }
    }

    mutating func insert(_ slot: Int32, hash: UInt32) {
        if UInt64(count) &* 10 >= (UInt64(mask) &+ 1) &* 7 { grow() }
        var at = hash & mask
        // SAFETY: `at` is masked to the index's size; at most 70 % of the entries are taken.
        while unsafe index[Int(at)] != 0 { at = (at &+ 1) & mask }
        unsafe index[Int(at)] = UInt64(hash) << 32 | UInt64(UInt32(bitPattern: slot &+ 1))
        count &+= 1
    }

    /// Removes a slot from the index and closes the gap (Knuth, TAOCP 3, 6.4, algorithm R).
    mutating func remove(_ slot: Int32) {
        let hash = self[slot].hash
        let entry = UInt64(hash) << 32 | UInt64(UInt32(bitPattern: slot &+ 1))
        var gap = hash & mask
        // SAFETY: masked; the slot is in the index, so the loop ends.
        while unsafe index[Int(gap)] != entry { gap = (gap &+ 1) & mask }
        var at = gap
        while true {
            at = (at &+ 1) & mask
            let other = unsafe index[Int(at)]
            if other == 0 { break }
            let home = UInt32(truncatingIfNeeded: other >> 32) & mask
            if (at &- home) & mask >= (at &- gap) & mask {
                unsafe index[Int(gap)] = other
                gap = at
            }
        }
        unsafe index[Int(gap)] = 0
        count &-= 1
    }

    /// Doubles the index. Entries keep their hashes, so no slot is touched.
    private mutating func grow() {
        let old = unsafe index
        let oldCount = Int(mask) + 1
        unsafe index = Self.makeIndex(oldCount * 2)
        mask = mask &* 2 &+ 1
        for position in 0..<oldCount {
            let entry = unsafe old[position]
            guard entry != 0 else { continue }
            var at = UInt32(truncatingIfNeeded: entry >> 32) & mask
            while unsafe index[Int(at)] != 0 { at = (at &+ 1) & mask }
            unsafe index[Int(at)] = entry
        }
        unsafe Glibc.free(old)
    }
}

/// A flow's key without direction, and its hash.
struct CanonicalKey: BitwiseCopyable {
    var low: IPAddress
    var high: IPAddress
    var lowPort: UInt16
    var highPort: UInt16
    var tunnelIdentifier: UInt32
    var vlan: UInt16
    var ipProtocol: UInt8
    var ipVersion: UInt8
    /// Whether the sender is the higher end.
    var isSwapped: Bool

    @inline(__always)
    init(
        source: IPAddress, destination: IPAddress, sourcePort: UInt16, destinationPort: UInt16,
        ipProtocol: UInt8, ipVersion: UInt8, vlan: UInt16, tunnelIdentifier: UInt32
    ) {
        self.init(
            source: source, destination: destination, sourcePort: sourcePort,
            destinationPort: destinationPort, ipProtocol: ipProtocol, ipVersion: ipVersion,
            vlan: vlan, tunnelIdentifier: tunnelIdentifier,
            isSwapped: source == destination
                ? sourcePort > destinationPort : destination < source)
    }

    /// The same if it is known whether the sender is the higher end.
    @inline(__always)
    init(
        source: IPAddress, destination: IPAddress, sourcePort: UInt16, destinationPort: UInt16,
        ipProtocol: UInt8, ipVersion: UInt8, vlan: UInt16, tunnelIdentifier: UInt32,
        isSwapped: Bool
    ) {
        self.isSwapped = isSwapped
        low = isSwapped ? destination : source
        high = isSwapped ? source : destination
        lowPort = isSwapped ? destinationPort : sourcePort
        highPort = isSwapped ? sourcePort : destinationPort
        self.tunnelIdentifier = tunnelIdentifier
        self.vlan = vlan
        self.ipProtocol = ipProtocol
        self.ipVersion = ipVersion
    }

    @inline(__always)
    private var word: UInt64 {
        UInt64(lowPort) << 48 | UInt64(highPort) << 32 | UInt64(vlan) << 16
            | UInt64(ipProtocol) << 8 | UInt64(ipVersion)
    }

    /// A hash of folded 128-bit products as in wyhash (Wang Yi 2019), with the seed in every
    /// factor. Never 0, which means "not yet computed".
    @inline(__always)
    func hash(seed: UInt64) -> UInt64 {
        @inline(__always)
        func fold(_ left: UInt64, _ right: UInt64) -> UInt64 {
            let product = left.multipliedFullWidth(by: right)
            return product.high ^ product.low
        }
        let one = fold(low.high ^ seed, low.low ^ 0xE703_7ED1_A0B4_28DB)
        let two = fold(high.high ^ 0x8EBC_6AF0_9C88_C6E3, high.low ^ seed)
        let three = fold(
            word ^ 0xEB44_ACCA_B455_D165, UInt64(tunnelIdentifier) ^ 0xA076_1D64_78BD_642F ^ seed)
        return fold(one ^ three, two ^ 0x1D8E_4E27_C47D_124F) | 1
    }

    @inline(__always)
    func matches(_ slot: FlowSlot) -> Bool {
        slot.low == low && slot.high == high && slot.lowPort == lowPort
            && slot.highPort == highPort && slot.tunnelIdentifier == tunnelIdentifier
            && slot.vlan == vlan && slot.ipProtocol == ipProtocol && slot.ipVersion == ipVersion
    }
}
