internal import CPcap
internal import Glibc
internal import Timestamps

/// Frames from one or more interfaces as they come, with the same shape as `FileCapture`.
///
/// Each interface has a ring of its own in the kernel (TPACKET_V3 through libpcap); frames are
/// copied out once, into a batch. An interface that goes away is waited for and opened again. What
/// the kernel lost is counted, never silent. One thread uses a capture at a time.
@safe
public final class LiveCapture {
    private let options: CaptureOptions
    private var devices: [LiveDevice]
    private let stage: FrameStage
    private var counters = CaptureStatistics()
    private var polled: [pollfd] = []

    /// Opens every interface; `any` is all of them at once.
    ///
    /// - Throws: `.device` with what is missing, most often the right to capture.
    public init(
        interfaces: [String], options: CaptureOptions = CaptureOptions()
    ) throws(CaptureError) {
        self.options = options
        stage = FrameStage(frameLimit: 64)
        devices = []
        for (index, name) in interfaces.enumerated() {
            devices.append(try LiveDevice(name: name, index: Int32(index), options: options))
        }
    }

    /// Captures on these interfaces from now on: what is named no more is closed, and what is new
    /// is opened, or waited for where it is not there yet. Numbers of those that stay do not
    /// change.
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

    /// Names of the interfaces that are gone and waited for.
    public var missing: [String] { devices.filter { !$0.isOpen }.map(\.name) }

    /// Names of the interfaces that are there and taken down: nothing comes from them.
    public var down: [String] { devices.filter { $0.isOpen && $0.isDown }.map(\.name) }

    /// What was seen and lost so far, over all interfaces and reopenings.
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

    /// Lends the frames that have come, at most 64, to `body`: none when nothing came for
    /// `timeoutMilliseconds`, or a signal interrupted the wait.
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

    /// Takes what the rings hold, to a full batch; the interface that was first is last next time,
    /// most of all where it left no room for the others: else one that is flooded would keep them
    /// from being read.
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
        // SAFETY: the array holds as many entries as are named.
        _ = unsafe poll(&polled, nfds_t(polled.count), timeoutMilliseconds)
    }
}

/// One interface: its handle while it is there, and the count of what went wrong.
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
    /// The kernel's number for what was opened.
    private var number: UInt32 = 0
    private(set) var isDown = false
    private var linkType: Int32 = 1

    var isOpen: Bool { unsafe handle != nil }

    init(name: String, index: Int32, options: CaptureOptions) throws(CaptureError) {
        self.name = name
        self.index = index
        self.options = options
        try open()
    }

    /// An interface that may not be there yet.
    init(awaiting name: String, index: Int32, options: CaptureOptions) {
        self.name = name
        self.index = index
        self.options = options
        do { try open() } catch { retryAt = Clock.monotonic() + Self.firstRetry }
    }

    // SAFETY: the handle is ours alone.
    deinit { if let handle = unsafe handle { unsafe pcap_close(handle) } }

    private func open() throws(CaptureError) {
        var text = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        number = unsafe if_nametoindex(name)
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
        unsafe handle = unsafe made
    }

    private func configure(_ made: OpaquePointer) throws(CaptureError) {
        unsafe pcap_set_snaplen(made, Int32(clamping: options.snapLength))
        unsafe pcap_set_promisc(made, options.isPromiscuous && name != "any" ? 1 : 0)
        unsafe pcap_set_timeout(made, 50)
        unsafe pcap_set_buffer_size(made, Int32(clamping: options.bufferSize))
        unsafe pcap_set_tstamp_precision(made, PCAP_TSTAMP_PRECISION_NANO)
        let code = unsafe pcap_activate(made)
        guard code >= 0 else {
            throw .device(name: name, operation: "capture", reason: unsafe Self.cure(code, made))
        }
        // Cooked capture v2 names the interface of each packet; where it is not known, v1 is read
        // too.
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

    /// Copies waiting frames into the stage. An error means that the interface has gone.
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
        retryAt = Clock.monotonic() + Self.period
    }

    /// How often an interface is looked at.
    private static let period = Interval.milliseconds(500)
    /// A bridge that was announced comes soon.
    private static let firstRetry = Interval.milliseconds(20)

    /// Sees every half second whether the name still stands for what was opened, and opens it where
    /// it is not open.
    ///
    /// A socket stays with an interface that is renamed, and hears nothing of what has its name
    /// since.
    func look() {
        guard isOpen else { return reopenIfDue() }
        let now = Clock.monotonic()
        guard name != "any", now >= lookAt else { return }
        lookAt = now + Self.period
        if unsafe if_nametoindex(name) == number {
            isDown = Self.isDown(name)
        } else {
            giveUp()
        }
    }

    private static func isDown(_ name: String) -> Bool {
        let descriptor = socket(AF_INET, Int32(SOCK_DGRAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard descriptor >= 0 else { return false }
        defer { close(descriptor) }
        var request = unsafe ifreq()
        // SAFETY: the name ends before its field does, or nothing of it could have been opened.
        unsafe withUnsafeMutableBytes(of: &request.ifr_ifrn) { raw in
            unsafe raw.copyBytes(from: name.utf8.prefix(raw.count - 1))
        }
        guard unsafe ioctl(descriptor, UInt(SIOCGIFFLAGS), &request) == 0 else { return false }
        return unsafe Int(request.ifr_ifru.ifru_flags) & Int(IFF_UP) == 0
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

    /// The library's text, with what to do about the two commonest reasons.
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

/// Frames copied out of the kernel's rings, until they are lent on.
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
        // As many of the largest frames as a batch may hold: snap lengths end at 262,144 bytes, and
        // pages that no frame reaches are never touched.
        unsafe memory = .allocate(byteCount: frameLimit * 262_144, alignment: 16)
    }

    // SAFETY: both regions are ours alone.
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
        // SAFETY: libpcap lends `caplen` bytes, and the target has room for `length` of them.
        unsafe target.copyMemory(from: UnsafeRawBufferPointer(start: bytes, count: length))
        // With nanosecond precision the field for microseconds holds nanoseconds.
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
