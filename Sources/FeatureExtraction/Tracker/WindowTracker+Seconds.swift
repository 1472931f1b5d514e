import FlowMetering
import NetworkAddresses
import PacketDecoding
import SenderAttribution
import Workloads
public import Timestamps

/// Closes seconds and returns the windows that are complete, one at a time.
extension WindowTracker {
    /// Closes seconds until a window's values are complete: host by host, and for each host the
    /// shorter scales first.
    mutating func nextFullWindow() -> Bool {
        while second < target {
            // Without hosts in the table, the seconds up to `target` can be skipped.
            if free.count == hosts.count {
                (second, turn) = (target, (0, 0))
                return false
            }
            while turn.slot < hosts.count {
                let slot = turn.slot
                if turn.scale == 0 { prefetch(after: slot) }
                if turn.scale > 0 || hosts[slot].isDue(second) {
                    if turn.scale == 0 { hosts[slot].roll(second) }
                    if let scale = nextFullScale(of: slot) {
                        fillValues(slot, scale)
                        return true
                    }
                    endSecond(of: slot)
                }
                turn = (slot + 1, 0)
            }
            turn = (0, 0)
            second += 1
        }
        return false
    }

    /// Prefetches the next hosts: few of them are still in the cache.
    @inline(__always)
    private mutating func prefetch(after slot: Int) {
        let (near, middle, far) = (slot + 2, slot + 4, slot + 8)
        hosts.prefetch(far)
        if middle < hosts.count, hosts[middle].isDue(second) {
            hosts.prefetch(middle, byteCount: MemoryLayout<HostState>.size)
        }
        if near < hosts.count, hosts[near].isDue(second) { hosts[near].prefetchTables(second) }
    }

    private mutating func nextFullScale(of slot: Int) -> Scale? {
        while let scale = Scale(rawValue: turn.scale) {
            turn.scale += 1
            guard (second + 1) % scale.bucketSeconds == 0 else { continue }
            if hosts[slot].hasChanged(scale, second)
                || scale == .short && awaits && hosts[slot].awaited.areMany(at: second)
            {
                return scale
            }
        }
        return nil
    }

    /// Whether answers that do not come matter: clean traffic is judged by nobody.
    private var awaits: Bool { mode == .monitoring }

    private mutating func endSecond(of slot: Int) {
        hosts[slot].endSecond(second)
        let last = hosts[slot].lastSecond
        let silence = second - last
        guard silence > Scale.long.bucketSeconds else {
            let removal = last + Scale.long.bucketSeconds + 1
            return hosts[slot].rest(after: second, until: removal, awaits: awaits)
        }
        let isHere = isCurrent(slot)
        // The previous owner is removed after its last bucket was scored.
        guard silence > (isHere ? Scale.long.seconds : Scale.long.bucketSeconds) else {
            let removal = last + Scale.long.seconds + 1
            return hosts[slot].rest(after: second, until: removal, awaits: awaits)
        }
        hosts[slot].isLive = false
        if isHere { setPlace(of: slot, to: nil) }
        free.append(slot)
    }

    // MARK: - Before the end of a second

    /// The number of probes in a second from which, and from whose every doubling, the host's
    /// window is worth a look.
    private static let leastProbes: UInt32 = 32

    /// Whether `nextEarlyWindow` returns a window.
    @inlinable
    public var hasEarlyWindow: Bool { earlySlot >= 0 }

    /// Counts a flow that a host opens, or a probe that it sends.
    @inline(__always)
    mutating func noteProbe(_ slot: Int) {
        hosts[slot].probes &+= 1
        let probes = hosts[slot].probes
        if probes >= Self.leastProbes, probes & (probes - 1) == 0, judgesEarly { earlySlot = slot }
    }

    /// Returns the short window, up to a packet, of the host that has sent many probes in the
    /// current second; nil if there is none, or nothing but addresses says that it is this host's.
    /// The same window follows at the second's end.
    ///
    /// Flows of this second that have no answer yet count neither as accepted nor as failed.
    ///
    /// - Parameter time: the time of the last packet observed.
    public mutating func nextEarlyWindow(at time: Timestamp) -> Window? {
        let slot = earlySlot
        earlySlot = -1
        guard slot >= 0, slot < hosts.count, hosts[slot].isLive, hosts[slot].mayBeProven else {
            return nil
        }
        let state = hosts[slot]
        hosts[slot].roll(second)
        fill(slot, .short)
        hosts[slot] = state
        let pending = Float(state.pending)
        var early = window
        early.earlyTime = time
        early.unanswered = max(0, early.unanswered - pending)
        (early.underWay, early.newUnderWay) = (0, 0)
        early.recent = max(0, early.recent - pending)
        early.newUnanswered = max(0, early.newUnanswered - Int(state.pending))
        early.unused = pending + Float(state.unused(at: second, isEarly: true))
        let failed = Feature.newEdgeFailed.rawValue
        early.values[failed] = max(0, early.values[failed] - pending)
        return early
    }

    /// The short window of a host as it is now.
    mutating func window(of slot: Int) -> Window {
        fill(slot, .short)
        return window
    }

    private mutating func fill(_ slot: Int, _ scale: Scale) {
        fillValues(slot, scale)
        completeWindow()
    }

    /// What says whether a window is ordinary.
    private mutating func fillValues(_ slot: Int, _ scale: Scale) {
        window.slot = slot
        window.hostNumber = hosts[slot].number
        window.subject = hosts[slot].address
        window.identity = hosts[slot].identity
        window.scale = scale
        window.endSecond = second
        let oldest = scale == .short ? second - scale.seconds : Int.max
        window.takeover = hosts[slot].takeover.flatMap { $0.second > oldest ? $0 : nil }
        window.outage = hosts[slot].outage.flatMap { $0.second > oldest ? $0 : nil }
        hosts[slot].fill(&window.values, scale, second)
    }

    /// Completes the window whose values `nextValues` has completed.
    public mutating func completeWindow() {
        guard let slot = window.slot else { return }
        let port = hosts[slot].port == 0 ? nil : ports.record(of: hosts[slot].port)
        window.mac = port.flatMap { $0.mac == .zero ? nil : $0.mac } ?? hosts[slot].mac
        window.port = hosts[slot].port
        window.portName = port?.name ?? ""
        window.portInstance = port?.instance ?? ""
        window.isListedAtPort = port?.listed.contains(hosts[slot].address) ?? false
        window.indicator = nil
        hosts[slot].complete(&window)
        // Nobody asks when clean traffic was sent.
        window.buckets =
            awaits ? hosts[slot].buckets(window.scale, window.endSecond) : WindowBuckets()
        window.isInCrowd =
            window.scale == .short && window.evidence.mayBeForged
            && targets.isCrowded(window.lastContact.address, in: second)
    }
}
