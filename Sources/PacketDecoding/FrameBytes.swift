internal import NetworkAddresses

/// The bytes of one frame, borrowed for one call. A read past the end returns zero: it neither
/// traps nor accesses other memory, so input is harmless even if a caller omits a check.
@safe
struct FrameBytes {
    private let base: UnsafeRawPointer
    let count: Int

    init?(_ buffer: UnsafeRawBufferPointer) {
        guard let start = buffer.baseAddress else { return nil }
        unsafe base = start
        count = buffer.count
    }

    /// Whether all `length` bytes at `offset` exist.
    @inline(__always)
    func has(_ length: Int, at offset: Int) -> Bool { offset &+ length <= count }

    // SAFETY of the four loads: offsets are never negative (sums of lengths read from the frame,
    // at most 2^33), the guard keeps the load inside, and every bit pattern is an integer.
    @inline(__always)
    func u8(_ offset: Int) -> UInt8 {
        guard offset >= 0, offset < count else { return 0 }
        return unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt8.self)
    }

    @inline(__always)
    func u16(_ offset: Int) -> UInt16 {
        guard offset >= 0, offset &+ 2 <= count else { return 0 }
        return UInt16(bigEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    @inline(__always)
    func u32(_ offset: Int) -> UInt32 {
        guard offset >= 0, offset &+ 4 <= count else { return 0 }
        return UInt32(bigEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @inline(__always)
    func u64(_ offset: Int) -> UInt64 {
        guard offset >= 0, offset &+ 8 <= count else { return 0 }
        return UInt64(bigEndian: unsafe base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    @inline(__always)
    func ipv4(_ offset: Int) -> IPAddress { IPAddress(v4: u32(offset)) }

    @inline(__always)
    func ipv6(_ offset: Int) -> IPAddress {
        IPAddress(high: u64(offset), low: u64(offset &+ 8))
    }

    @inline(__always)
    func mac(_ offset: Int) -> MACAddress {
        MACAddress(UInt64(u16(offset)) << 32 | UInt64(u32(offset &+ 2)))
    }
}
