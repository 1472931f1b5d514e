import CPcap
import PacketCapture
import Timestamps

/// A sum over frames that changes with any of them.
struct FrameDigest: Equatable {
    var count = 0
    var hash: UInt64 = 0xCBF2_9CE4_8422_2325
    /// Sum of the times.
    var times: Int64 = 0

    mutating func add(_ frame: CapturedFrame) {
        count += 1
        times = times &* 31 &+ frame.time.nanoseconds
        mix(UInt64(frame.wireLength))
        for byte in frame.bytes { mix(UInt64(byte)) }
    }

    private mutating func mix(_ value: UInt64) { hash = (hash ^ value) &* 0x100_0000_01B3 }
}

/// The library's own reader.
final class LibpcapReader {
    private let handle: OpaquePointer
    /// Whether it reached the end of the file without an error.
    private(set) var ended = false
    /// Whether a time is after January 2038, which this version reads as before 1970, or has a
    /// fraction of more than a second.
    private(set) var hasOddTimes = false

    init?(_ path: String) {
        var text = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard
            let opened = pcap_open_offline_with_tstamp_precision(
                path, UInt32(PCAP_TSTAMP_PRECISION_NANO), &text)
        else { return nil }
        handle = opened
    }

    deinit { pcap_close(handle) }

    func digest() -> FrameDigest {
        var digest = FrameDigest()
        var header: UnsafeMutablePointer<pcap_pkthdr>?
        var bytes: UnsafePointer<UInt8>?
        var code = pcap_next_ex(handle, &header, &bytes)
        while code == 1, let head = header?.pointee {
            if head.ts.tv_sec < 0 || !(0..<1_000_000_000).contains(head.ts.tv_usec) {
                hasOddTimes = true
            }
            digest.add(
                CapturedFrame(
                    time: Timestamp(
                        second: head.ts.tv_sec, nanoseconds: Int64(head.ts.tv_usec)),
                    wireLength: head.len, linkType: 1, source: 0,
                    bytes: UnsafeRawBufferPointer(start: bytes, count: Int(head.caplen))))
            code = pcap_next_ex(handle, &header, &bytes)
        }
        ended = code == PCAP_ERROR_BREAK
        return digest
    }
}
