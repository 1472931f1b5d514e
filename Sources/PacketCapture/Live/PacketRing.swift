internal import CPacketSocket
internal import CPcap
internal import Glibc

/// Owns a packet socket of all interfaces and its ring in shared memory (packet(7), TPACKET_V3);
/// noncopyable, so it closes once.
@safe
struct PacketRing: ~Copyable {
    let descriptor: Int32
    private let memory: UnsafeMutableRawPointer
    private let blockCount: Int
    /// Index of the next or current block.
    private var block = 0

    static let blockSize = 256 << 10
    /// How long the kernel fills a block before it hands it over, full or not.
    private static let gatherMilliseconds: UInt32 = 20
    /// Bytes before each frame that a VLAN tag may be moved into.
    private static let headroom: Int32 = 4

    /// Opens the socket in the network namespace of the calling thread; no frame is captured before
    /// `start`.
    ///
    /// - Parameter size: bytes of the ring.
    init(size: Int) throws(CaptureError) {
        blockCount = max(4, size / Self.blockSize)
        unsafe (descriptor, memory) = try unsafe Self.open(blockCount)
    }

    @unsafe
    private static func open(
        _ blockCount: Int
    ) throws(CaptureError) -> (descriptor: Int32, memory: UnsafeMutableRawPointer) {
        let kind = Int32(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue)
        let opened = socket(AF_PACKET, kind, 0)
        guard opened >= 0 else { throw failure("open") }
        do {
            return (opened, unsafe try map(opened, blockCount))
        } catch {
            close(opened)
            throw error
        }
    }

    @unsafe
    private static func map(
        _ descriptor: Int32, _ blockCount: Int
    ) throws(CaptureError) -> UnsafeMutableRawPointer {
        try set(descriptor, PACKET_VERSION, Int32(TPACKET_V3.rawValue))
        try set(descriptor, PACKET_RESERVE, headroom)
        var request = tpacket_req3()
        request.tp_block_size = UInt32(blockSize)
        request.tp_block_nr = UInt32(blockCount)
        request.tp_frame_size = 2048
        request.tp_frame_nr = UInt32(blockCount * (blockSize / 2048))
        request.tp_retire_blk_tov = gatherMilliseconds
        try set(descriptor, PACKET_RX_RING, request)
        let mapped = unsafe mmap(
            nil, blockCount * blockSize, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0)
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw failure("map the ring")
        }
        return unsafe mapped
    }

    // SAFETY: socket and mapping are ours alone.
    deinit {
        unsafe munmap(memory, blockCount * Self.blockSize)
        close(descriptor)
    }

    /// Starts capturing frames of every interface.
    func start() throws(CaptureError) {
        var address = sockaddr_ll()
        address.sll_family = UInt16(AF_PACKET)
        address.sll_protocol = UInt16(ETH_P_ALL).bigEndian
        let length = socklen_t(MemoryLayout<sockaddr_ll>.size)
        // SAFETY: the structure is valid for the call.
        let code = unsafe withUnsafeBytes(of: &address) { raw in
            unsafe bind(descriptor, raw.assumingMemoryBound(to: sockaddr.self).baseAddress, length)
        }
        guard code == 0 else { throw Self.failure("capture") }
    }

    /// Replaces the filter in one step.
    ///
    /// - Returns: false where the kernel has no memory for it.
    func attach(_ program: [PortFilter.Instruction]) throws(CaptureError) -> Bool {
        var instructions = program.map {
            sock_filter(code: $0.code, jt: $0.jumpTrue, jf: $0.jumpFalse, k: $0.value)
        }
        // SAFETY: the kernel copies the program during the call.
        let code = unsafe instructions.withUnsafeMutableBufferPointer { buffer in
            var whole = unsafe sock_fprog(
                len: UInt16(buffer.count), filter: buffer.baseAddress)
            return unsafe setsockopt(
                descriptor, SOL_SOCKET, SO_ATTACH_FILTER, &whole,
                socklen_t(MemoryLayout<sock_fprog>.size))
        }
        if code != 0, errno == ENOMEM { return false }
        guard code == 0 else { throw Self.failure("filter") }
        return true
    }

    /// Sets an interface to promiscuous mode.
    func makePromiscuous(_ index: UInt32) {
        var request = packet_mreq()
        request.mr_ifindex = Int32(bitPattern: index)
        request.mr_type = UInt16(PACKET_MR_PROMISC)
        // SAFETY: the structure is valid for the call.
        _ = unsafe setsockopt(
            descriptor, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &request,
            socklen_t(MemoryLayout<packet_mreq>.size))
    }

    /// Frames that were dropped since the last call because the ring was full.
    func takeDrops() -> UInt64 {
        var counts = tpacket_stats_v3()
        var length = socklen_t(MemoryLayout<tpacket_stats_v3>.size)
        // SAFETY: the structure is valid for the call.
        let code = unsafe getsockopt(
            descriptor, SOL_PACKET, PACKET_STATISTICS, &counts, &length)
        return code == 0 ? UInt64(counts.tp_drops) : 0
    }

    /// Whether the kernel has handed over the next block.
    var isReady: Bool {
        // SAFETY: the block lies in the mapping, which lives as long as the ring.
        unsafe lazaret_block_is_ready(description) != 0
    }

    /// Number of frames in the current block, and the offset of the first one.
    var contents: (count: Int, offset: Int) {
        let header = unsafe description.pointee.hdr.bh1
        return (Int(header.num_pkts), Int(header.offset_to_first_pkt))
    }

    /// The block's bytes; they are the kernel's again after `release`.
    @unsafe var bytes: UnsafeMutableRawBufferPointer {
        unsafe UnsafeMutableRawBufferPointer(
            start: memory + block * Self.blockSize, count: Self.blockSize)
    }

    /// Returns the block to the kernel.
    mutating func release() {
        // SAFETY: nothing points into the block any more, as the caller guarantees.
        unsafe lazaret_block_release(description)
        block = (block + 1) % blockCount
    }

    @unsafe private var description: UnsafeMutablePointer<tpacket_block_desc> {
        unsafe (memory + block * Self.blockSize)
            .assumingMemoryBound(to: tpacket_block_desc.self)
    }

    private static func set<Value>(
        _ descriptor: Int32, _ option: Int32, _ value: Value
    ) throws(CaptureError) {
        var value = value
        // SAFETY: the value is plain, and is valid for the call.
        let code = unsafe withUnsafeBytes(of: &value) { raw in
            unsafe setsockopt(
                descriptor, SOL_PACKET, option, raw.baseAddress, socklen_t(raw.count))
        }
        guard code == 0 else { throw failure("set up the ring") }
    }

    private static func failure(_ operation: String) -> CaptureError {
        let code = errno
        let reason =
            code == EPERM || code == EACCES
            ? "not permitted; run as root or give the program CAP_NET_RAW"
            : unsafe String(cString: strerror(code))
        return .device(name: "any", operation: operation, reason: reason)
    }
}
