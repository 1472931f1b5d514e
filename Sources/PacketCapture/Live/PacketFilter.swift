internal import CPcap

/// A BPF expression, compiled once for each link type.
@safe
final class PacketFilter {
    private let expression: String
    private let snapLength: Int32
    private var programs: [Int32: UnsafeMutablePointer<bpf_program>] = unsafe [:]

    /// Compiles `expression` for `linkType`, so an error in it is reported before any packet is
    /// read.
    init(_ expression: String, linkType: Int32 = 1, snapLength: Int = 262_144) throws(CaptureError)
    {
        self.expression = expression
        self.snapLength = Int32(clamping: snapLength)
        _ = unsafe try program(for: linkType)
    }

    // SAFETY: only this object uses the programs.
    deinit {
        unsafe programs.values.forEach { program in
            unsafe pcap_freecode(program)
            unsafe program.deallocate()
        }
    }

    /// Whether the filter accepts the frame.
    func accepts(_ frame: CapturedFrame) throws(CaptureError) -> Bool {
        let program = unsafe try program(for: frame.linkType)
        var header = pcap_pkthdr()
        header.caplen = unsafe UInt32(truncatingIfNeeded: frame.bytes.count)
        header.len = frame.wireLength
        guard let start = unsafe frame.bytes.baseAddress else { return false }
        // SAFETY: the program checks every load against `caplen`.
        return unsafe pcap_offline_filter(
            program, &header, start.assumingMemoryBound(to: UInt8.self)) != 0
    }

    private func program(
        for linkType: Int32
    ) throws(CaptureError) -> UnsafeMutablePointer<bpf_program> {
        if let known = unsafe programs[linkType] { return unsafe known }
        // Raw IP is 101 in files and 12 in the library; all other supported numbers are the same.
        guard let dead = unsafe pcap_open_dead(linkType == 101 ? 12 : linkType, snapLength) else {
            throw .filter(expression: expression, reason: "out of memory")
        }
        defer { unsafe pcap_close(dead) }
        let made = UnsafeMutablePointer<bpf_program>.allocate(capacity: 1)
        unsafe made.initialize(to: bpf_program())
        guard unsafe pcap_compile(dead, made, expression, 1, 0xFFFF_FFFF) == 0 else {
            let text = unsafe String(cString: pcap_geterr(dead))
            unsafe made.deallocate()
            throw .filter(expression: expression, reason: text)
        }
        unsafe programs[linkType] = unsafe made
        return unsafe made
    }
}

extension CaptureOptions {
    /// Whether the filter can be compiled for frames of this link type, without opening anything.
    ///
    /// - Throws: `.filter` with the compiler's message.
    public func checkFilter(linkType: Int32 = 1) throws(CaptureError) {
        if !filter.isEmpty { _ = try PacketFilter(filter, linkType: linkType) }
    }
}

/// The short name of a link type, as tcpdump prints it.
func linkTypeName(_ linkType: Int32) -> String {
    guard let name = unsafe pcap_datalink_val_to_name(linkType == 101 ? 12 : linkType) else {
        return "number \(linkType)"
    }
    return unsafe String(cString: name)
}
