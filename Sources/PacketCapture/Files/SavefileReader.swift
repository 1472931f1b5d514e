internal import Glibc
internal import Timestamps

/// Reads one pcap or pcapng file in large blocks and returns its frames in batches, without copying
/// their bytes.
///
/// Frames are the same as libpcap's (savefile(5), draft-ietf-opsawg-pcapng), with two differences:
/// pcapng interfaces may have different link types, and a record that is cut off at the end is a
/// warning, not an error.
@safe
final class SavefileReader {
    static let batchLimit = 32
    /// libpcap's limit for the captured bytes of a frame.
    static let frameLimit = 262_144
    /// The greatest accepted size of a pcapng block.
    static let blockLimit = 16 << 20

    let input: ByteInput
    let index: Int32
    private(set) var packets: UInt64 = 0
    private(set) var warnings: [CaptureWarning] = []
    /// The number of frames of unsupported link types, by type.
    var skipped: [Int32: UInt64] = [:]
    let supported: [Int32]

    /// The frames of the current batch; the first `next` of them were already returned.
    let frames: UnsafeMutableBufferPointer<CapturedFrame>
    var count = 0
    var next = 0

    var buffer: UnsafeMutableRawBufferPointer
    var at = 0
    var limit = 0
    private var ended = false
    var format = Format.pcap(PcapFormat())
    var section = PcapNGSection()
    /// The monitors' notes from name blocks, up to the current batch.
    var notes: [String] = []
    /// The bytes of `notes`, and their limit.
    var noteBytes = 0
    let noteLimit: Int
    /// The number of notes that were dropped because of the limit.
    var lostNotes: UInt64 = 0
    let ports: RecordedPorts

    enum Format {
        case pcap(PcapFormat)
        case pcapng
    }

    /// The format by the file header of a pcap file.
    struct PcapFormat {
        var swapped = false
        /// Nanoseconds per unit of the fraction: 1 or 1,000.
        var unit: Int64 = 1000
        var linkType: Int32 = 1
        var snapLength = SavefileReader.frameLimit
        /// 16, or 24 in Alexey Kuznetzov's variant.
        var headerLength = 16
        /// Versions before 2.3 have the two lengths in reverse order; 2.3 may have.
        var lengthsSwapped = false
        var mayBeSwapped = false
    }

    /// Opens the file and reads its header.
    init(
        path: String, index: Int32, options: CaptureOptions, ports: RecordedPorts
    ) throws(CaptureError) {
        input = try ByteInput(path: path, shouldStop: options.shouldStop)
        self.index = index
        self.ports = ports
        supported = options.linkTypes
        noteLimit = options.noteLimit
        unsafe frames = .allocate(capacity: Self.batchLimit)
        unsafe buffer = .allocate(byteCount: 512 << 10, alignment: 64)
        try readFileHeader(unless: options.shouldStop)
    }

    // SAFETY: only this object uses both buffers.
    deinit {
        unsafe frames.deallocate()
        unsafe buffer.deallocate()
    }

    // MARK: bytes

    /// Moves the remaining bytes to the front and reads more after them; returns false at the end
    /// of the file.
    func fill() throws(CaptureError) -> Bool {
        if at > 0 {
            // SAFETY: both ranges are inside the buffer; memmove allows overlap.
            let start = unsafe buffer.baseAddress.unsafelyUnwrapped
            unsafe memmove(start, start + at, limit - at)
            limit -= at
            at = 0
        }
        guard !ended else { return false }
        let room = unsafe UnsafeMutableRawBufferPointer(rebasing: buffer[limit...])
        let got = unsafe try input.read(into: room)
        limit += got
        ended = got == 0
        return got > 0
    }

    /// Makes at least `length` bytes available from `at` on; returns false if the file ends before.
    func need(_ length: Int) throws(CaptureError) -> Bool {
        if length > capacity { grow(to: length) }
        while limit - at < length { guard try fill() else { return false } }
        return true
    }

    /// The size of the buffer in bytes.
    var capacity: Int { unsafe buffer.count }

    /// Moves to a larger buffer; no frame may point into the old one.
    private func grow(to length: Int) {
        let larger = UnsafeMutableRawBufferPointer.allocate(
            byteCount: length + (64 << 10), alignment: 64)
        // SAFETY: the new buffer is larger than the old one.
        unsafe larger.copyMemory(from: UnsafeRawBufferPointer(buffer))
        unsafe buffer.deallocate()
        unsafe buffer = unsafe larger
    }

    /// A word of the buffer in the host's byte order.
    @inline(__always)
    func word(_ offset: Int, swapped: Bool) -> UInt32 {
        precondition(offset >= 0 && offset &+ 4 <= limit)
        // SAFETY: inside the filled part, as just checked.
        let value = unsafe buffer.loadUnaligned(fromByteOffset: offset, as: UInt32.self)
        return swapped ? value.byteSwapped : value
    }

    // MARK: batches

    /// Reads the next batch into `frames`; returns false at the end. The frames of the previous
    /// batch become invalid.
    func readBatch() throws(CaptureError) -> Bool {
        count = 0
        next = 0
        if stopped { return false }
        while true {
            switch format {
            case .pcap(let pcap): parsePcap(pcap)
            case .pcapng: try parsePcapNG()
            }
            packets &+= UInt64(count)
            if count > 0 { return true }
            if stopped { return false }
            guard try fill() else {
                if limit > at || input.isCut { warn(.cut) }
                return false
            }
        }
    }

    /// Set when a record was invalid.
    private(set) var stopped = false

    func warn(_ kind: CaptureWarning.Kind) {
        warnings.append(CaptureWarning(path: input.path, kind: kind, packets: packets))
    }

    /// Skips the rest of the file.
    func stop(_ what: String) {
        stopped = true
        packets &+= UInt64(count)
        warn(.damaged(what))
        packets &-= UInt64(count)
    }

    /// Parses the complete records in the buffer, up to one batch.
    private func parsePcap(_ pcap: PcapFormat) {
        let header = pcap.headerLength
        let limit = limit
        var at = at
        var count = count
        defer {
            self.at = at
            self.count = count
        }
        precondition(limit <= capacity && at >= 0 && count >= 0)
        let start = unsafe UnsafeRawPointer(buffer.baseAddress.unsafelyUnwrapped)
        while count < Self.batchLimit {
            guard limit &- at >= header else { return }
            // SAFETY: the whole header, at least 16 bytes, is inside the filled part of the buffer.
            let times = unsafe (start + at).loadUnaligned(as: SIMD2<UInt32>.self)
            let lengths = unsafe (start + at + 8).loadUnaligned(as: SIMD2<UInt32>.self)
            var (seconds, fraction) = (times.x, times.y)
            var (captured, wire) = (lengths.x, lengths.y)
            if pcap.swapped {
                (seconds, fraction) = (seconds.byteSwapped, fraction.byteSwapped)
                (captured, wire) = (captured.byteSwapped, wire.byteSwapped)
            }
            if pcap.lengthsSwapped || pcap.mayBeSwapped && captured > wire {
                swap(&captured, &wire)
            }
            guard captured <= Self.frameLimit else {
                self.count = count
                stop("a record claims \(captured) bytes, more than the \(Self.frameLimit) allowed")
                return
            }
            let length = Int(captured)
            guard limit &- at &- header >= length else {
                // Frames of this batch point into the buffer: only an empty batch may move it.
                if header &+ length > capacity, count == 0 { grow(to: header &+ length) }
                return
            }
            // SAFETY: the frame is inside the filled part, as just checked, and the slot inside the
            // batch.
            unsafe (frames.baseAddress.unsafelyUnwrapped + count).initialize(
                to: CapturedFrame(
                    time: Timestamp(
                        second: seconds, nanoseconds: Int64(fraction) &* pcap.unit),
                    wireLength: wire, linkType: pcap.linkType, source: index,
                    bytes: UnsafeRawBufferPointer(
                        start: start + at + header, count: min(length, pcap.snapLength))))
            count &+= 1
            at &+= header &+ length
        }
    }

    /// Adds a frame; the caller has checked that its bytes are inside the buffer.
    @inline(__always)
    func append(
        time: Timestamp, wireLength: UInt32, linkType: Int32, interface: UInt32, port: UInt32,
        packetType: UInt8, offset: Int, length: Int
    ) {
        precondition(offset >= 0 && length >= 0 && offset &+ length <= limit)
        precondition(count < Self.batchLimit)
        // SAFETY: the range and the slot were just checked.
        unsafe (frames.baseAddress.unsafelyUnwrapped + count).initialize(
            to: CapturedFrame(
                time: time, wireLength: wireLength, linkType: linkType, source: index,
                interface: interface, port: port, packetType: packetType,
                bytes: UnsafeRawBufferPointer(
                    start: buffer.baseAddress.unsafelyUnwrapped + offset, count: length)))
        count &+= 1
    }

    // MARK: file header

    private func readFileHeader(unless isStopped: () -> Bool) throws(CaptureError) {
        guard try need(4) else {
            if isStopped() { throw .interrupted }
            if limit == 0 { throw .empty(path: input.path) }
            throw .notACapture(path: input.path)
        }
        var pcap = PcapFormat()
        let magic = word(0, swapped: false)
        switch magic {
        case 0x0A0D_0D0A:
            format = .pcapng
            guard try need(12), Self.isByteOrderMagic(word(8, swapped: false)) else {
                throw .notACapture(path: input.path)
            }
            return
        case 0xA1B2_C3D4, 0xD4C3_B2A1: break
        case 0xA1B2_3C4D, 0x4D3C_B2A1: pcap.unit = 1
        case 0xA1B2_CD34, 0x34CD_B2A1: pcap.headerLength = 24
        default: throw .notACapture(path: input.path)
        }
        pcap.swapped = magic & 0xFF != 0x34 && magic & 0xFF != 0xD4 && magic & 0xFF != 0x4D
        if magic == 0x34CD_B2A1 { pcap.swapped = true }
        guard try need(24) else { throw .notACapture(path: input.path) }
        let version = word(4, swapped: pcap.swapped)
        let (major, minor) =
            pcap.swapped ? (version >> 16, version & 0xFFFF) : (version & 0xFFFF, version >> 16)
        guard major == 2 || major == 543 else {
            throw .unsupportedFormat(path: input.path, what: "pcap version \(major).\(minor)")
        }
        pcap.lengthsSwapped = major == 2 && minor < 3 || major == 543
        pcap.mayBeSwapped = major == 2 && minor == 3
        let snapLength = word(16, swapped: pcap.swapped)
        if snapLength > 0, snapLength < Self.frameLimit { pcap.snapLength = Int(snapLength) }
        // The upper bits may contain the length of the frame check sequence.
        pcap.linkType = Int32(word(20, swapped: pcap.swapped) & 0x03FF_FFFF)
        guard supported.isEmpty || supported.contains(pcap.linkType) else {
            throw .unsupportedLinkType(path: input.path, name: linkTypeName(pcap.linkType))
        }
        at = 24
        format = .pcap(pcap)
    }

    static func isByteOrderMagic(_ word: UInt32) -> Bool {
        word == 0x1A2B_3C4D || word == 0x4D3C_2B1A
    }
}
