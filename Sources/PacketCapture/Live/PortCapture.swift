internal import CPacketSocket
internal import Glibc
public import NetworkAddresses
public import NodeInterfaces
internal import Timestamps

/// Captures the frames of all containers of a node, each once, in one order of time, with the port
/// that it came by.
///
/// One socket receives frames of all interfaces; a filter in the kernel drops unwanted ones. The
/// kernel reports the interface by which a frame came, whatever addresses it bears. Frames are
/// borrowed from the kernel's memory, without a copy. Interfaces may be added, removed and renamed.
/// Where the node translates addresses, frames get the ends' own addresses instead.
/// A capture is used by one thread at a time.
@safe
public final class PortCapture {
    private let options: CaptureOptions
    private let expression: PacketFilter?
    private var ring: PacketRing
    private let monitor: InterfaceMonitor
    private let frames: UnsafeMutablePointer<CapturedFrame>
    private var count = 0
    private var counters = CaptureStatistics()

    /// Frames of the current block that were not read yet, and the offset of the next one.
    private var remaining = 0
    private var offset = 0
    private var holdsBlock = false

    /// The cached decision about each interface, by its index.
    private var views: [UInt32: Known] = [:]
    private var isArranged = false
    private var last: (index: UInt32, known: Known) = (0, Known())
    private var filter: PortFilter?
    private var promiscuous: Set<UInt32> = []
    private var translator: AddressTranslator?
    /// Why translated addresses cannot be replaced by the ends' own, for the user; nil: they can.
    public private(set) var translationProblem: String?

    private struct Known {
        var port: UInt32 = 0
        var view: PortSelection.View = []
        var isOneHost = false
        /// Frames from before this time may be of an earlier interface with the same index.
        var since = Timestamp.distantPast
    }

    private static let batchLimit = 64

    /// The interfaces that are watched. May be changed at any time.
    public var selection: PortSelection {
        didSet { if selection != oldValue { isArranged = false } }
    }

    /// Opens the capture in the network namespace of the calling thread.
    ///
    /// - Throws: `.device` with the cause, most often a missing capability; `.filter`.
    public init(
        selection: PortSelection, options: CaptureOptions = CaptureOptions()
    ) throws(CaptureError) {
        self.selection = selection
        self.options = options
        expression = options.filter.isEmpty ? nil : try PacketFilter(options.filter)
        ring = try PacketRing(size: options.bufferSize)
        do { monitor = try InterfaceMonitor() } catch { throw Self.failure(error) }
        unsafe frames = .allocate(capacity: Self.batchLimit)
        do { translator = try AddressTranslator() } catch {
            translator = nil
            translationProblem = error.description
        }
        try arrange()
        try ring.start()
    }

    // SAFETY: the memory is ours alone.
    deinit { unsafe frames.deallocate() }

    /// The interfaces of the node.
    public var interfaces: InterfaceTable { monitor.table }

    /// The addresses of the node's interfaces.
    public var nodeAddresses: Set<IPAddress> { monitor.addresses }

    /// The node's addresses on one of its interfaces.
    public func addresses(of interface: NodeInterface) -> [IPAddress] {
        monitor.addresses(of: interface.index).sorted()
    }

    /// Whether frames that come in at an interface are captured there.
    public func isPort(_ interface: NodeInterface) -> Bool {
        views[interface.index]?.view.contains(.incoming) ?? false
    }

    /// Whether one host or container is behind an interface: it has then sent all incoming frames,
    /// whatever addresses they bear.
    public func isOneHost(_ interface: NodeInterface) -> Bool {
        views[interface.index]?.isOneHost ?? false
    }

    /// Requested names that no interface has.
    public var missing: [String] {
        let present = Set(monitor.table.interfaces.map(\.name))
        return asked.filter { !present.contains($0) }
    }

    /// Requested names of interfaces that are down: no frame comes from them.
    public var down: [String] {
        let down = Set(monitor.table.interfaces.filter { !$0.isUp }.map(\.name))
        return asked.filter { down.contains($0) }
    }

    private var asked: [String] { (selection.bridges ?? []).union(selection.interfaces).sorted() }

    /// The counts of frames seen and lost so far.
    public var statistics: CaptureStatistics {
        counters.kernelDrops &+= ring.takeDrops()
        return counters
    }

    /// Passes the frames that have arrived, at most 64, to `body`: none when nothing arrived for
    /// `timeoutMilliseconds`, or a signal interrupted the wait.
    ///
    /// - Returns: always true; a live source has no end.
    public func nextBatch(
        timeoutMilliseconds: Int32 = 100, _ body: (Span<CapturedFrame>) -> Void
    ) throws(CaptureError) -> Bool {
        count = 0
        if !holdsBlock {
            if !ring.isReady { wait(timeoutMilliseconds) }
            holdsBlock = ring.isReady
            // After the block was handed over: the kernel has reported every change that its frames
            // depend on before.
            try follow()
            translator?.noteEnded()
            if holdsBlock { (remaining, offset) = ring.contents }
        }
        if holdsBlock {
            while remaining > 0, count < Self.batchLimit { try takeFrame() }
        }
        counters.packets &+= UInt64(count)
        // SAFETY: the first `count` frames are set, and their bytes lie in the current block.
        unsafe body(UnsafeBufferPointer(start: frames, count: count).span)
        if holdsBlock, remaining == 0 {
            holdsBlock = false
            ring.release()
        }
        return true
    }

    private func wait(_ timeoutMilliseconds: Int32) {
        var polled = [
            pollfd(fd: ring.descriptor, events: Int16(POLLIN), revents: 0),
            pollfd(fd: monitor.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        // SAFETY: the array holds as many entries as are named.
        _ = unsafe poll(&polled, nfds_t(polled.count), timeoutMilliseconds)
    }

    // MARK: interfaces

    private func follow() throws(CaptureError) {
        let isNew: Bool
        do { isNew = try monitor.refresh() } catch { throw Self.failure(error) }
        if isNew || !isArranged { try arrange() }
    }

    /// Decides again which frames of each interface are wanted, and installs the filter for it.
    private func arrange() throws(CaptureError) {
        let table = monitor.table
        let interfaces = table.interfaces
        translator?.own = monitor.addresses
        let hasRouted = interfaces.contains { $0.leadsElsewhere && $0.master == nil }
        let uplinks = hasRouted ? monitor.uplinks() : []
        var wanted = PortFilter()
        views = [:]
        for interface in interfaces {
            let view = selection.view(of: interface, in: table, uplinks: uplinks)
            views[interface.index] = Known(
                port: interface.port, view: view,
                isOneHost: selection.isOneHost(interface, uplinks: uplinks),
                since: table.knownSince(interface.index))
            if !view.contains(.incoming) { wanted.incomingLeftOut.insert(interface.index) }
            if view.contains(.outgoing) { wanted.outgoingKept.insert(interface.index) }
            if view == .both, selection.interfaces.contains(interface.name),
                options.isPromiscuous,
                promiscuous.insert(interface.port).inserted
            {
                ring.makePromiscuous(interface.index)
            }
        }
        last = (0, Known())
        isArranged = true
        guard wanted != filter else { return }
        let snapLength = UInt32(clamping: options.snapLength)
        if try !ring.attach(wanted.program(snapLength: snapLength)) {
            _ = try ring.attach(PortFilter.keepAll)
        }
        filter = wanted
    }

    /// The decision about an interface: most often the interface of the previous frame.
    @inline(__always)
    private func known(_ index: UInt32) -> Known? {
        if last.index == index { return last.known }
        guard let found = views[index] else { return nil }
        last = (index, found)
        return found
    }

    // MARK: frames

    /// Adds the next frame of the block to the batch, if it is wanted.
    private func takeFrame() throws(CaptureError) {
        let block = unsafe ring.bytes
        let at = offset
        let headerEnd = at + Self.addressOffset + MemoryLayout<sockaddr_ll>.size
        guard at > 0, headerEnd <= PacketRing.blockSize else {
            remaining = 0
            return
        }
        // SAFETY: both structures lie in the block, as just checked.
        let header = unsafe block.loadUnaligned(fromByteOffset: at, as: tpacket3_hdr.self)
        let sender = unsafe block.loadUnaligned(
            fromByteOffset: at + Self.addressOffset, as: sockaddr_ll.self)
        remaining -= 1
        offset = at + Int(header.tp_next_offset)
        let direction: PortSelection.View =
            sender.sll_pkttype == UInt8(PACKET_OUTGOING) ? .outgoing : .incoming
        let time = Timestamp(second: header.tp_sec, nanoseconds: Int64(header.tp_nsec))
        guard let known = known(UInt32(bitPattern: sender.sll_ifindex)),
            known.view.contains(direction)
        else { return }
        let isEthernet = sender.sll_hatype == Self.ethernet || sender.sll_hatype == Self.loopback
        var start = at + Int(isEthernet ? header.tp_mac : header.tp_net)
        var end = at + Int(header.tp_mac) + Int(header.tp_snaplen)
        var wireLength = header.tp_len
        guard start >= headerEnd, start <= end, end <= PacketRing.blockSize else { return }
        let linkType: Int32 = isEthernet ? 1 : Self.rawLinkType
        if isEthernet {
            if header.tp_status & UInt32(TP_STATUS_VLAN_VALID) != 0, end - start >= 12 {
                unsafe insertTag(header, into: block, at: start)
                start -= 4
                wireLength += 4
            }
        } else {
            let type = UInt16(bigEndian: sender.sll_protocol)
            guard type == 0x0800 || type == 0x86DD else { return counters.skipped &+= 1 }
            wireLength -= min(wireLength, UInt32(start - at - Int(header.tp_mac)))
        }
        guard options.linkTypes.isEmpty || options.linkTypes.contains(linkType) else {
            return counters.skipped &+= 1
        }
        end = min(end, start + options.snapLength)
        // SAFETY: the range lies in the block, which is ours until it is released.
        unsafe translator?.translate(
            UnsafeMutableRawBufferPointer(rebasing: block[start..<end]), isEthernet: isEthernet,
            isOutgoing: direction == .outgoing,
            isPartial: header.tp_status & UInt32(TP_STATUS_CSUMNOTREADY) != 0, time: time)
        let frame = unsafe CapturedFrame(
            time: time, wireLength: wireLength, linkType: linkType, source: 0,
            port: time < known.since ? 0 : known.port, packetType: sender.sll_pkttype,
            bytes: UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(block)[start..<end]))
        if let expression, try !expression.accepts(frame) { return counters.filtered &+= 1 }
        // SAFETY: `count` is below the limit.
        unsafe (frames + count).initialize(to: frame)
        count += 1
    }

    /// Inserts the VLAN tag, which the kernel passes separately, into the frame: four bytes before
    /// `start` are free.
    @unsafe
    private func insertTag(
        _ header: tpacket3_hdr, into block: UnsafeMutableRawBufferPointer, at start: Int
    ) {
        let variant = header.hv1
        let type =
            header.tp_status & UInt32(TP_STATUS_VLAN_TPID_VALID) != 0
            ? variant.tp_vlan_tpid : UInt16(0x8100)
        let tag = UInt16(truncatingIfNeeded: variant.tp_vlan_tci)
        guard let base = block.baseAddress else { return }
        // SAFETY: the ring keeps four bytes before each frame free, and the frame has twelve.
        unsafe memmove(base + start - 4, base + start, 12)
        unsafe block.storeBytes(of: type.bigEndian, toByteOffset: start + 8, as: UInt16.self)
        unsafe block.storeBytes(of: tag.bigEndian, toByteOffset: start + 10, as: UInt16.self)
    }

    /// The address of a frame follows its header (TPACKET_ALIGN).
    private static let addressOffset = (MemoryLayout<tpacket3_hdr>.size + 15) & ~15
    /// ARPHRD_ETHER.
    private static let ethernet: UInt16 = 1
    /// ARPHRD_LOOPBACK, whose frames have an Ethernet header, too.
    private static let loopback: UInt16 = 772
    /// LINKTYPE_RAW.
    private static let rawLinkType: Int32 = 101

    private static func failure(_ error: InterfaceError) -> CaptureError {
        .device(name: "any", operation: "follow the interfaces", reason: error.description)
    }
}
