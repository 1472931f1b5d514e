import AnomalyDetection
import FeatureExtraction
import NetworkAddresses
import PacketCapture
import PacketDecoding
import SenderAttribution
import SystemSupport
import Workloads
import Timestamps

/// The windows of captures in order, without those that a screen rules out, and with the changes
/// that apply between them: the input of judges.
///
/// With several threads, captures are read, packets are counted and windows are judged at the same
/// time. No window depends on a judgement, so the results are those of one thread.
struct WindowReader: ~Copyable {
    enum Step: Sendable {
        /// Changes of address owners.
        indirect case names(WorkloadChange)
        /// Notes about the ports of the node that recorded the captures.
        indirect case ports(PortChange)
        indirect case target(TargetWindow)
        /// The next window is in `window`.
        case window
        /// The same for a contact with a listed address, or a question for a listed name.
        case sighting
        /// The same for a host that has just sent many probes; its second goes on.
        case early
        /// A screen has ruled out so many windows; the last one ends with `second`.
        case ordinary(count: Int, second: Int)
        /// The windows of the seconds that have ended were all returned; whether what follows has
        /// nothing to do with them.
        case windowsEnded(isLast: Bool)
        /// A host has opened a flow.
        case opening(Opening)
    }

    /// A flow that a host has opened.
    struct Opening: Sendable {
        var subject: IPAddress
        var peer: IPAddress
        var ipProtocol: UInt8
        var port: UInt16
        /// Whether its pair is new to the baseline.
        var isNew: Bool
    }

    private var batches: Batches<WindowSource>
    private var position = 0
    private var windowPosition = 0
    /// - Parameter threads: in `CaptureThreads.range`.
    init(_ input: WindowSource.Input, threads: Int) throws(CaptureError) {
        batches = try Batches(isThread: threads > 2) { () throws(CaptureError) in
            try WindowSource(input, threads: threads)
        }
    }

    /// What was read, and the problems found; nil until `next` has returned nil.
    var summary: WindowSource.Summary? { batches.summary }

    /// The window of the last such step; read in place, since it is large.
    var window: Window {
        _read { yield batches.current.windows[windowPosition - 1] }
    }

    /// Returns the next step; nil at the end.
    mutating func next() throws(CaptureError) -> Step? {
        while position >= batches.current.steps.count {
            guard try batches.advance() else { return nil }
            (position, windowPosition) = (0, 0)
        }
        let step = batches.current.steps[position]
        position += 1
        switch step {
        case .window, .sighting, .early: windowPosition += 1
        default: break
        }
        return step
    }
}

/// Reads captures and fills batches with the windows of their packets.
struct WindowSource: ~Copyable, BatchSource {
    struct Input: Sendable {
        var packets: PacketSource.Input
        var tracker: WindowTracker
        /// Whether a packet is counted; nil: each is.
        var isCounted: (@Sendable (Packet) -> Bool)?
        /// Whether opened flows are returned.
        var hasOpenings = false
        /// Rules out windows that need not be returned; nil: all are.
        var screen: WindowScreen?
        /// Whether memory is short.
        var shortage = MemoryShortage()
    }

    struct Summary: Sendable {
        var report = PacketSource.Report()
        var droppedHosts = 0
    }

    /// What is done when no window of the ended seconds is left.
    private enum Next { case packet, restart, end }

    /// The windows of ended seconds that are taken.
    private enum Kind { case targets, hosts, sightings }

    private let input: Input
    private var packets: PacketReader
    private var tracker: WindowTracker
    private var screen: WindowScreen?
    /// Set while windows of ended seconds are returned.
    private var next: Next?
    private var kind = Kind.targets

    init(_ input: Input, threads: Int) throws(CaptureError) {
        self.input = input
        tracker = input.tracker
        screen = input.screen
        packets = try PacketReader(input.packets, threads: threads)
    }

    var summary: Summary {
        Summary(
            report: packets.report ?? PacketSource.Report(), droppedHosts: tracker.droppedHosts)
    }

    mutating func fill(_ batch: inout WindowBatch) throws(CaptureError) -> Bool {
        batch.clear()
        while batch.steps.count < WindowBatch.capacity {
            if let next {
                if takeWindow(&batch) { continue }
                self.next = nil
                batch.steps.append(.windowsEnded(isLast: next != .packet))
                switch next {
                case .packet: observe(&batch)
                case .restart: tracker.restart()
                case .end: return false
                }
            } else {
                try read(&batch)
            }
        }
        return true
    }

    private mutating func read(_ batch: inout WindowBatch) throws(CaptureError) {
        switch try packets.next() {
        case .names(let change):
            tracker.apply(change)
            batch.steps.append(.names(change))
        case .ports(let change):
            tracker.apply(change)
            batch.steps.append(.ports(change))
        case .clockSetBack: endSeconds(before: .restart)
        case .packet:
            tracker.advance(to: packets.packet.time)
            guard tracker.hasEndedSecond else { return observe(&batch) }
            tracker.isCramped = input.shortage.isShort
            (next, kind) = (.packet, .targets)
        case nil: endSeconds(before: .end)
        }
    }

    private mutating func endSeconds(before next: Next) {
        tracker.finish()
        (self.next, kind) = (next, .targets)
    }

    /// Takes the next window of the seconds that have ended: of all targets, then of hosts, then of
    /// sightings. Returns false if none is left.
    private mutating func takeWindow(_ batch: inout WindowBatch) -> Bool {
        if kind == .targets {
            if let window = tracker.nextTarget() {
                batch.steps.append(.target(window))
                return true
            }
            kind = .hosts
        }
        if kind == .hosts {
            while tracker.nextValues() {
                guard screen?.rulesOut(&tracker) ?? false else {
                    tracker.completeWindow()
                    batch.add(tracker.window, .window)
                    return true
                }
                if let ordinary = screen?.takeCount(ifAtLeast: WindowBatch.capacity) {
                    batch.steps.append(.ordinary(count: ordinary.count, second: ordinary.second))
                    return true
                }
            }
            kind = .sightings
            if let ordinary = screen?.takeCount() {
                batch.steps.append(.ordinary(count: ordinary.count, second: ordinary.second))
                return true
            }
        }
        guard let window = tracker.nextSighting() else { return false }
        batch.add(window, .sighting)
        return true
    }

    private mutating func observe(_ batch: inout WindowBatch) {
        if let isCounted = input.isCounted, !isCounted(packets.packet) { return }
        packets.prefetch(for: &tracker)
        let tag = tracker.observe(packets.packet, packets.update)
        if tracker.hasEarlyWindow, let window = tracker.nextEarlyWindow(at: packets.packet.time) {
            batch.add(window, .early)
        }
        guard let tag else { return }
        packets.setTag(tag)
        guard input.hasOpenings, let opening = tracker.opening(tag) else { return }
        batch.steps.append(
            .opening(
                WindowReader.Opening(
                    subject: opening.subject, peer: packets.packet.destination,
                    ipProtocol: packets.packet.ipProtocol, port: packets.packet.destinationPort,
                    isNew: opening.isNew)))
    }
}

/// Steps in order.
struct WindowBatch: EmptyBatch {
    static let capacity = 512

    var steps: [WindowReader.Step] = []
    /// The windows of the steps, in order.
    var windows: [Window] = []

    init() {}

    mutating func clear() {
        steps.removeAll(keepingCapacity: true)
        windows.removeAll(keepingCapacity: true)
    }

    mutating func add(_ window: Window, _ step: WindowReader.Step) {
        windows.append(window)
        steps.append(step)
    }
}
