internal import CPacketSocket
internal import CPcap
internal import Glibc
internal import Timestamps

/// Frames of one or more interfaces as they arrive, with the same interface as `FileCapture`.
///
/// Each interface has its own ring in the kernel (TPACKET_V3 through libpcap); frames are copied
/// once, into a batch. An interface that disappears is opened again when it returns. All frames
/// that the kernel lost are counted. One thread uses a capture at a time.
@safe
public final class LiveCapture {
    private let options: CaptureOptions
    private var devices: [LiveDevice]
    private let stage: FrameStage
    private var counters = CaptureStatistics()
    private var polled: [pollfd] = []

    /// Opens every interface; `any` captures on all of them.
    ///
    /// - Parameter awaitsLink: whether an interface that is down is opened when it is up.
    /// - Throws: `.device` with the reason, most often a missing permission.
    public init(
        interfaces: [String], options: CaptureOptions = CaptureOptions(), awaitsLink: Bool = false
    ) throws(CaptureError) {
        self.options = options
        stage = FrameStage(frameLimit: 64)
        devices = []
        for (index, name) in interfaces.enumerated() {
            devices.append(
                try LiveDevice(
                    name: name, index: Int32(index), options: options, awaitsLink: awaitsLink))
        }
    }

    /// Whether there is an interface of this name in this network namespace, or libpcap makes it:
    /// the packets that a firewall's rules log.
    public static func exists(_ name: String) -> Bool {
        if name == "any" || name.hasPrefix("nflog") { return true }
        return unsafe if_nametoindex(name) != 0
    }

    /// Captures on these interfaces from now on: closes those that are no longer named, and opens
    /// new ones, now or when they appear. The numbers of the others do not change.
    public func replaceInterfaces(_ names: [String]) {
        for device in devices where !names.contains(device.name) {
            let lost = device.drops
            counters.kernelDrops &+= lost.kernel
            counters.interfaceDrops &+= lost.interface
            counters.reopened &+= device.reopened
        }
        devices.removeAll { !names.contains($0.name) }
        for name in names where !devices.contains(where: { $0.name == name }) {
            let taken = Set(devices.map(\.index))
            let index = (0...Int32(devices.count)).first { !taken.contains($0) } ?? 0
            devices.append(LiveDevice(awaiting: name, index: index, options: options))
        }
    }

    /// The name of the interface that frames of `source` come from.
    public func name(of source: Int32) -> String {
        devices.first { $0.index == source }?.name ?? ""
    }

    /// The names of the missing interfaces, which are opened when they return.
    public var missing: [String] { devices.filter { !$0.isOpen && !$0.isDown }.map(\.name) }

    /// The names of the interfaces that exist but are down, and so deliver no frames.
    public var down: [String] { devices.filter(\.isDown).map(\.name) }

    /// The counters so far, over all interfaces and reopenings.
    public var statistics: CaptureStatistics {
        var all = counters
        for device in devices {
            let lost = device.drops
            all.kernelDrops &+= lost.kernel
            all.interfaceDrops &+= lost.interface
            all.reopened &+= device.reopened
        }
        return all
    }

    /// Passes the frames that have arrived, at most 64, to `body`: none if no frame arrived within
    /// `timeoutMilliseconds`, or if a signal interrupted the wait.
    ///
    /// - Returns: always true; a live source has no end.
    public func nextBatch(
        timeoutMilliseconds: Int32 = 100, _ body: (Span<CapturedFrame>) -> Void
    ) throws(CaptureError) -> Bool {
        stage.removeAll()
        for device in devices { device.look() }
        collect()
        if stage.count == 0 {
            wait(timeoutMilliseconds)
            collect()
        }
        counters.packets &+= UInt64(stage.count)
        stage.lend(body)
        return true
    }

    /// Collects frames from the rings up to a full batch. The interface that was first is last next
    /// time; otherwise a flooded interface would prevent the others from being read.
    private func collect() {
        for device in devices where stage.hasRoom { device.collect(into: stage) }
        if devices.count > 1 { devices.append(devices.removeFirst()) }
    }

    private func wait(_ timeoutMilliseconds: Int32) {
        polled.removeAll(keepingCapacity: true)
        for device in devices {
            if device.isOpen {
                polled.append(pollfd(fd: device.descriptor, events: Int16(POLLIN), revents: 0))
            }
        }
        // SAFETY: the array has the given number of entries.
        _ = unsafe poll(&polled, nfds_t(polled.count), timeoutMilliseconds)
    }
}

/// One interface: its handle while it exists, and its counters of losses.
@safe
private final class LiveDevice {
    let name: String
    let index: Int32
    private let options: CaptureOptions
    private var handle: OpaquePointer?
    private(set) var descriptor: Int32 = -1
    private(set) var reopened: UInt64 = 0
    private var lostBefore: (kernel: UInt64, interface: UInt64) = (0, 0)
    private var retryAt = Clock.monotonic()
    private var lookAt = Clock.monotonic()
    /// The kernel's index of the opened interface; 0 where the capture is not of one interface.
    private var number: UInt32 = 0
    private(set) var isDown = false
    private var linkType: Int32 = 1

    var isOpen: Bool { unsafe handle != nil }

    init(
        name: String, index: Int32, options: CaptureOptions, awaitsLink: Bool
    ) throws(CaptureError) {
        self.name = name
        self.index = index
        self.options = options
        do { try open() } catch {
            guard awaitsLink, isDown else { throw error }
            retryAt = Clock.monotonic() + Self.firstRetry
        }
    }

    /// Creates an interface that may not exist yet.
    init(awaiting name: String, index: Int32, options: CaptureOptions) {
        self.name = name
        self.index = index
        self.options = options
        do { try open() } catch { retryAt = Clock.monotonic() + Self.firstRetry }
    }

    // SAFETY: only this object uses the handle.
    deinit { if let handle = unsafe handle { unsafe pcap_close(handle) } }

    private func open() throws(CaptureError) {
        var text = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard let made = unsafe pcap_create(name, &text) else {
            throw .device(name: name, operation: "open", reason: Self.string(text))
        }
        do {
            try unsafe configure(made)
        } catch {
            unsafe pcap_close(made)
            throw error
        }
        linkType = unsafe pcap_datalink(made)
        guard options.linkTypes.isEmpty || options.linkTypes.contains(linkType) else {
            unsafe pcap_close(made)
            throw .unsupportedLinkType(path: name, name: linkTypeName(linkType))
        }
        descriptor = unsafe pcap_get_selectable_fd(made)
        number = lazaret_bound_interface(descriptor)
        unsafe handle = unsafe made
    }

    private func configure(_ made: OpaquePointer) throws(CaptureError) {
        unsafe pcap_set_snaplen(made, Int32(clamping: options.snapLength))
        unsafe pcap_set_promisc(made, options.isPromiscuous && name != "any" ? 1 : 0)
        unsafe pcap_set_timeout(made, 50)
        unsafe pcap_set_buffer_size(made, Int32(clamping: options.bufferSize))
        unsafe pcap_set_tstamp_precision(made, PCAP_TSTAMP_PRECISION_NANO)
        let code = unsafe pcap_activate(made)
        isDown = code == PCAP_ERROR_IFACE_NOT_UP
        guard code >= 0 else {
            throw .device(name: name, operation: "capture", reason: unsafe Self.cure(code, made))
        }
        // Cooked capture v2 includes the interface of each packet; if libpcap does not support it,
        // v1 is used.
        if name == "any" { unsafe pcap_set_datalink(made, DLT_LINUX_SLL2) }
        if options.direction != .both {
            let wanted = options.direction == .incoming ? PCAP_D_IN : PCAP_D_OUT
            guard unsafe pcap_setdirection(made, wanted) == 0 else {
                throw .device(
                    name: name, operation: "direction", reason: unsafe Self.text(of: made))
            }
        }
        if !options.filter.isEmpty { try unsafe setFilter(made) }
        var text = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard unsafe pcap_setnonblock(made, 1, &text) == 0 else {
            throw .device(name: name, operation: "capture", reason: Self.string(text))
        }
    }

    private func setFilter(_ made: OpaquePointer) throws(CaptureError) {
        var program = unsafe bpf_program()
        guard unsafe pcap_compile(made, &program, options.filter, 1, 0xFFFF_FFFF) == 0 else {
            throw .filter(expression: options.filter, reason: unsafe Self.text(of: made))
        }
        defer { unsafe pcap_freecode(&program) }
        guard unsafe pcap_setfilter(made, &program) == 0 else {
            throw .filter(expression: options.filter, reason: unsafe Self.text(of: made))
        }
    }

    /// Copies available frames into the stage. An error means that the interface is gone.
    func collect(into stage: FrameStage) {
        guard let handle = unsafe handle else { return }
        stage.linkType = linkType
        stage.source = index
        // SAFETY: the callback uses the stage only during the call.
        let user = unsafe Unmanaged.passUnretained(stage).toOpaque()
        let code = unsafe pcap_dispatch(
            handle, Int32(stage.room),
            { user, header, bytes in
                guard let user = unsafe user, let header = unsafe header else { return }
                let stage = unsafe Unmanaged<FrameStage>.fromOpaque(user).takeUnretainedValue()
                unsafe stage.add(header.pointee, bytes)
            }, user.assumingMemoryBound(to: UInt8.self))
        if code == PCAP_ERROR { giveUp() }
    }

    private func giveUp() {
        lostBefore = drops
        if let handle = unsafe handle { unsafe pcap_close(handle) }
        unsafe handle = nil
        descriptor = -1
        isDown = false
        retryAt = Clock.monotonic() + Self.period
    }

    /// The interval between checks of an interface.
    private static let period = Interval.milliseconds(500)
    /// The first retry is early, because a bridge that an engine has announced appears soon.
    private static let firstRetry = Interval.milliseconds(20)

    /// Checks every half second whether the name still belongs to the opened interface, and opens
    /// the interface if it is not open.
    ///
    /// A socket stays with an interface that is renamed, and receives nothing of the next one with
    /// its name. The query uses the capture's own socket: a process without free descriptors or
    /// memory must not take the interface for gone.
    func look() {
        guard isOpen else { return reopenIfDue() }
        let now = Clock.monotonic()
        guard number != 0, now >= lookAt else { return }
        lookAt = now + Self.period
        // SAFETY: the name is valid for the calls.
        let found = unsafe lazaret_interface_number(descriptor, name)
        let code = errno
        if found == number {
            isDown = unsafe lazaret_interface_is_down(descriptor, name) != 0
        } else if found != 0 || code == ENODEV || code == ENXIO {
            giveUp()
        }
    }

    /// Tries every half second.
    private func reopenIfDue() {
        guard !isOpen, Clock.monotonic() >= retryAt else { return }
        do {
            try open()
            reopened &+= 1
        } catch {
            retryAt = Clock.monotonic() + Self.period
        }
    }

    /// Frames lost so far.
    var drops: (kernel: UInt64, interface: UInt64) {
        guard let handle = unsafe handle else { return lostBefore }
        var counts = pcap_stat()
        guard unsafe pcap_stats(handle, &counts) == 0 else { return lostBefore }
        return (
            lostBefore.kernel &+ UInt64(counts.ps_drop),
            lostBefore.interface &+ UInt64(counts.ps_ifdrop)
        )
    }

    /// The library's text, or the remedy for the most common reasons.
    private static func cure(_ code: Int32, _ handle: OpaquePointer) -> String {
        let detail = unsafe text(of: handle)
        switch code {
        case PCAP_ERROR_PERM_DENIED, PCAP_ERROR_PROMISC_PERM_DENIED:
            return "not permitted; run as root or give the program CAP_NET_RAW"
        case PCAP_ERROR_NO_SUCH_DEVICE:
            return "there is no such interface; 'ip link' lists them"
        case PCAP_ERROR_IFACE_NOT_UP:
            return "the interface is down; 'ip link set NAME up'"
        default:
            return detail.isEmpty ? unsafe String(cString: pcap_statustostr(code)) : detail
        }
    }

    private static func text(of handle: OpaquePointer) -> String {
        guard let text = unsafe pcap_geterr(handle) else { return "" }
        return unsafe String(cString: text)
    }

    private static func string(_ text: [CChar]) -> String {
        String(decoding: text.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
    }
}

/// The frames copied from the kernel's rings, until they are passed on.
@safe
private final class FrameStage {
    private let frameLimit: Int
    private let frames: UnsafeMutablePointer<CapturedFrame>
    private let memory: UnsafeMutableRawBufferPointer
    private(set) var count = 0
    private var used = 0
    var linkType: Int32 = 1
    var source: Int32 = 0

    init(frameLimit: Int) {
        self.frameLimit = frameLimit
        unsafe frames = .allocate(capacity: frameLimit)
        // Space for a batch of the largest frames: snap lengths are at most 262,144 bytes, and
        // pages that no frame reaches are never touched.
        unsafe memory = .allocate(byteCount: frameLimit * 262_144, alignment: 16)
    }

    // SAFETY: only this object uses both regions.
    deinit {
        unsafe frames.deallocate()
        unsafe memory.deallocate()
    }

    var room: Int { frameLimit - count }
    var hasRoom: Bool { count < frameLimit }

    func removeAll() {
        count = 0
        used = 0
    }

    func add(_ header: pcap_pkthdr, _ bytes: UnsafePointer<UInt8>?) {
        let length = unsafe min(Int(header.caplen), memory.count - used)
        guard count < frameLimit, let bytes = unsafe bytes, length >= 0 else { return }
        let target = unsafe UnsafeMutableRawBufferPointer(rebasing: memory[used..<used + length])
        // SAFETY: libpcap's pointer is valid for `caplen` bytes, and the target has space for
        // `length` of them.
        unsafe target.copyMemory(from: UnsafeRawBufferPointer(start: bytes, count: length))
        // With nanosecond precision, the field for microseconds contains nanoseconds.
        let time = Timestamp(
            second: header.ts.tv_sec, nanoseconds: Int64(header.ts.tv_usec))
        unsafe (frames + count).initialize(
            to: CapturedFrame(
                time: time, wireLength: header.len, linkType: linkType, source: source,
                bytes: UnsafeRawBufferPointer(target)))
        count += 1
        used += length
    }

    func lend(_ body: (Span<CapturedFrame>) -> Void) {
        unsafe body(UnsafeBufferPointer(start: frames, count: count).span)
    }
}
