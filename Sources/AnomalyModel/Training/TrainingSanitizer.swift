package import AttackPatterns
package import FeatureExtraction
package import FlowMetering
package import NetworkAddresses
package import PacketDecoding
package import SenderAttribution
import TextFormats
package import Workloads
import Timestamps

/// Detects attacks in traffic that is to be learned as clean.
///
/// A baseline that contains a scan treats scans as normal. Patterns that need no baseline detect
/// scans, floods, guessing and tunnels. Beacons are not checked, since any polling client looks
/// like one.
package struct TrainingSanitizer {
    /// A subject whose traffic does not look clean.
    package struct Suspect {
        package var subject: IPAddress
        /// Whether it used addresses of others: its traffic is never learned.
        package var isImpostor = false
        package var workload = ""
        /// The strongest pattern, its strength and its window.
        package var pattern: Pattern
        package var strength: Float
        package var window: Window

        /// One line of text for an operator.
        package var text: String {
            let who =
                workload == "\(subject)" || workload == "outside"
                ? "\(subject)" : "\(workload) (\(subject))"
            return "\(who), \(pattern.title) at \(UTC.moment(Int64(window.endSecond))), "
                + pattern.amount(in: window)
        }
    }

    /// What is kept of each suspect.
    fileprivate struct Time {
        /// From its first to its last window that does not look clean, with a margin, in seconds
        /// since 1970.
        var seconds: ClosedRange<Int>
        var mac = MACAddress.zero
        var isImpostor = false
    }

    /// The traffic of some suspects: the packets that they sent or received in their time.
    package struct Traffic: Sendable {
        private var byAddress: [IPAddress: ClosedRange<Int>] = [:]
        /// In order, and apart from each other.
        private var byMAC: [MACAddress: [ClosedRange<Int>]] = [:]
        /// A bit for each of the addresses, and of the MAC addresses: most packets are of others.
        private var marks: (address: UInt64, mac: UInt64) = (0, 0)

        package var isEmpty: Bool { byAddress.isEmpty }

        fileprivate init(of suspects: [IPAddress: Time]) {
            for (subject, time) in suspects {
                byAddress[subject] = time.seconds
                guard time.mac != .zero else { continue }
                byMAC[time.mac, default: []].append(time.seconds)
            }
            // One MAC address may have been that of many.
            for (mac, ranges) in byMAC { byMAC[mac] = Self.joined(ranges) }
            for address in byAddress.keys { marks.address |= Self.mark(address.high ^ address.low) }
            for mac in byMAC.keys { marks.mac |= Self.mark(mac.value) }
        }

        private static func mark(_ value: UInt64) -> UInt64 {
            1 << ((value &* 0x9E37_79B9_7F4A_7C15) >> 58)
        }

        private static func joined(_ ranges: [ClosedRange<Int>]) -> [ClosedRange<Int>] {
            var joined: [ClosedRange<Int>] = []
            for range in ranges.sorted(by: { $0.lowerBound < $1.lowerBound }) {
                if let last = joined.last, range.lowerBound <= last.upperBound {
                    joined[joined.count - 1] =
                        last.lowerBound...max(last.upperBound, range.upperBound)
                } else {
                    joined.append(range)
                }
            }
            return joined
        }

        package func contains(_ packet: Packet) -> Bool {
            let (source, destination) = (packet.source, packet.destination)
            let ends =
                Self.mark(source.high ^ source.low)
                | Self.mark(destination.high ^ destination.low)
            guard marks.address & ends != 0 || marks.mac & Self.mark(packet.sourceMAC.value) != 0
            else { return false }
            let second = packet.time.second
            return byAddress[source]?.contains(second) == true
                || byAddress[destination]?.contains(second) == true
                || byMAC[packet.sourceMAC]?.contains { $0.contains(second) } == true
        }

        /// Whether all packets from `source` to `destination` in these seconds are.
        package func contains(
            _ source: IPAddress, _ destination: IPAddress?, _ mac: MACAddress,
            _ seconds: ClosedRange<Int>
        ) -> Bool {
            func contains(_ time: ClosedRange<Int>?) -> Bool {
                time.map { $0.contains(seconds.lowerBound) && $0.contains(seconds.upperBound) }
                    ?? false
            }
            return contains(byAddress[source])
                || contains(destination.flatMap { byAddress[$0] })
                || byMAC[mac]?.contains { contains($0) } == true
        }
    }

    /// The least strength of a suspicious pattern; clean traffic has bursts too.
    private static let leastStrength: Float = 2
    /// Seconds before the first anomalous window and after the last that belong to the suspect's
    /// time.
    private static let marginSeconds = 60

    /// The number of suspects that are known. Of further ones, which an attacker can forge, only
    /// the windows themselves are no clean ones.
    static let timeLimit = 1 << 18
    /// The number of suspects of which the window is kept, the strongest; up to twice as many
    /// meanwhile, 1 KB each.
    static let suspectLimit = 4096

    private var tracker: WindowTracker
    private var times: [IPAddress: Time] = [:]
    private var found: [IPAddress: Suspect] = [:]
    /// The windows of suspects for which there was no room.
    package private(set) var unknownCount = 0
    private let identities: IdentityMap
    /// Nil for a capture, where habits are not learned.
    private var habits: HabitFilter?
    private var isSettled = false

    package init(inventory: Inventory, habits: HabitFilter? = nil) {
        self.habits = habits
        tracker = WindowTracker(inventory: inventory, graph: nil, mode: .withoutBaseline)
        identities = IdentityMap(inventory: inventory)
    }

    /// Applies changes of address owners.
    package mutating func apply(_ change: WorkloadChange) { tracker.apply(change) }

    /// Applies changes of the node's ports.
    package mutating func apply(_ change: PortChange) { tracker.apply(change) }

    /// Adds a packet.
    ///
    /// - Returns: the tag to set on its flow.
    package mutating func observe(_ packet: Packet, _ update: FlowUpdate) -> UInt32? {
        tracker.advance(to: packet.time)
        addWindows()
        return tracker.observe(packet, update)
    }

    /// Starts windows again after the clock was set back.
    package mutating func restart() {
        tracker.finish()
        addWindows()
        tracker.restart()
    }

    /// Ends the windows of the last packets. No further packet may follow.
    package mutating func finish() {
        tracker.finish()
        addWindows()
        // Its tables may be large.
        tracker = WindowTracker(inventory: .empty, graph: nil, mode: .withoutBaseline)
    }

    private mutating func addWindows() {
        while tracker.nextWindow() { add(tracker.window) }
    }

    /// The number of subjects whose traffic has not looked clean so far.
    package var suspectCount: Int { times.count }

    /// Whether one of them used no address of others: its traffic is learned unless it is excluded.
    package var hasLearnedSuspects: Bool { times.values.contains { !$0.isImpostor } }

    /// The first `count` of them, strongest first.
    package func suspects(_ count: Int) -> [Suspect] {
        let strongest = found.values.sorted {
            ($1.strength, $0.subject) < ($0.strength, $1.subject)
        }
        return strongest.prefix(count).map { suspect in
            var named = suspect
            named.isImpostor = times[suspect.subject]?.isImpostor ?? false
            named.workload =
                (suspect.window.identity ?? identities.identity(of: suspect.subject)).name
            return named
        }
    }

    /// The traffic of all suspects, or of those that used addresses of others.
    package func traffic(ofImpostorsOnly: Bool) -> Traffic {
        Traffic(of: ofImpostorsOnly ? times.filter(\.value.isImpostor) : times)
    }

    /// The MAC addresses of suspects that used addresses of others, with their own address: of
    /// several, one that is not link-local, and the one that was seen first.
    package var impostors: [MACAddress: IPAddress] {
        var own: [MACAddress: (isLinkLocal: Int, second: Int, address: IPAddress)] = [:]
        for (subject, time) in times where time.isImpostor && time.mac != .zero {
            let found = (subject.isLinkLocal ? 1 : 0, time.seconds.lowerBound, subject)
            if let known = own[time.mac], known < found { continue }
            own[time.mac] = found
        }
        return own.mapValues(\.address)
    }

    /// Shifts all times after the clock was set.
    package mutating func clockStepped(by seconds: Int) {
        habits?.clockStepped(by: seconds)
        times = times.mapValues { time in
            var moved = time
            moved.seconds = time.seconds.lowerBound + seconds...time.seconds.upperBound + seconds
            return moved
        }
    }

    /// Adds a window, from its own tracker or another one.
    ///
    /// - Returns: whether it is clean: it looks so, and lies in no suspect's time.
    @discardableResult
    package mutating func add(_ window: Window) -> Bool {
        habits?.observe(window)
        if !isSettled, let habits, habits.isSettled(at: window.endSecond) {
            isSettled = true
            for (subject, suspect) in found where habits.isUsual(suspect.window, suspect.pattern) {
                found[subject] = nil
                times[subject] = nil
            }
        }
        guard let match = Pattern.match(window), match.pattern.mayFence,
            match.strength >= Self.leastStrength,
            match.pattern != .guessing || Pattern.restsOnLogins(window),
            !isSettled || habits?.isUsual(window, match.pattern) != true
        else { return times[window.subject]?.seconds.contains(window.endSecond) != true }
        note(window, match.pattern, match.strength)
        return false
    }

    private mutating func note(_ window: Window, _ pattern: Pattern, _ strength: Float) {
        let known = times[window.subject]
        guard known != nil || times.count < Self.timeLimit else {
            unknownCount += 1
            return
        }
        let isImpostor = window.usesOthers || pattern.isTakeover
        let first = window.startSecond - Self.marginSeconds
        let last = window.endSecond + Self.marginSeconds
        var time = known ?? Time(seconds: first...last)
        time.seconds = min(time.seconds.lowerBound, first)...max(time.seconds.upperBound, last)
        if isImpostor || pattern == .spoofing { time.mac = window.mac }
        time.isImpostor = time.isImpostor || isImpostor
        times[window.subject] = time
        // What was let go of was weaker than all that are kept.
        guard found[window.subject].map({ strength > $0.strength }) ?? true else { return }
        found[window.subject] = Suspect(
            subject: window.subject, pattern: pattern, strength: strength, window: window)
        guard found.count >= 2 * Self.suspectLimit else { return }
        found = Dictionary(
            uniqueKeysWithValues: suspects(Self.suspectLimit).map { ($0.subject, $0) })
    }
}
