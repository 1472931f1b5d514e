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
    /// A subject whose traffic does not look clean, from its first to its last such window.
    package struct Suspect {
        package var subject: IPAddress
        package var mac: MACAddress
        /// Whether it used addresses of others: its traffic is never learned.
        package var isImpostor: Bool
        package var workload: String
        /// The strongest pattern, its strength and its window.
        package var pattern: Pattern
        package var strength: Float
        package var window: Window
        /// The range of the anomalous windows in seconds since 1970, inclusive.
        package var seconds: ClosedRange<Int>

        /// One line of text for an operator.
        package var text: String {
            let who =
                workload == "\(subject)" || workload == "outside"
                ? "\(subject)" : "\(workload) (\(subject))"
            return "\(who), \(pattern.title) at \(UTC.moment(Int64(window.endSecond))), "
                + pattern.amount(in: window)
        }
    }

    /// The traffic of some suspects: the packets that they sent or received in their time.
    package struct Traffic: Sendable {
        private var byAddress: [IPAddress: ClosedRange<Int>] = [:]
        private var byMAC: [MACAddress: [ClosedRange<Int>]] = [:]

        package init(of suspects: [Suspect]) {
            for suspect in suspects {
                byAddress[suspect.subject] = suspect.seconds
                guard suspect.mac != .zero else { continue }
                byMAC[suspect.mac, default: []].append(suspect.seconds)
            }
        }

        package func contains(_ packet: Packet) -> Bool {
            let second = packet.time.second
            return byAddress[packet.source]?.contains(second) == true
                || byAddress[packet.destination]?.contains(second) == true
                || byMAC[packet.sourceMAC]?.contains { $0.contains(second) } == true
        }
    }

    /// The least strength of a suspicious pattern; clean traffic has bursts too.
    private static let leastStrength: Float = 2
    /// Seconds before the first anomalous window and after the last that belong to the suspect's
    /// time.
    private static let marginSeconds = 60

    private var tracker: WindowTracker
    private var found: [IPAddress: Suspect] = [:]
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

    /// Returns all subjects whose traffic does not look clean, strongest first.
    package mutating func finish() -> [Suspect] {
        tracker.finish()
        addWindows()
        return suspects
    }

    private mutating func addWindows() {
        while tracker.nextWindow() { add(tracker.window) }
    }

    /// All subjects whose traffic has not looked clean so far, strongest first.
    package var suspects: [Suspect] {
        found.values.map { suspect in
            var named = suspect
            named.workload =
                (suspect.window.identity ?? identities.identity(of: suspect.subject)).name
            return named
        }.sorted { ($1.strength, $0.subject) < ($0.strength, $1.subject) }
    }

    /// The MAC addresses of suspects that used addresses of others, with their own address.
    package var impostors: [MACAddress: IPAddress] {
        var impostors: [MACAddress: IPAddress] = [:]
        for suspect in found.values where suspect.isImpostor && suspect.mac != .zero {
            impostors[suspect.mac] = suspect.subject
        }
        return impostors
    }

    /// Whether the window's subject is a suspect at that time.
    package func isSuspect(_ window: Window) -> Bool {
        found[window.subject].map { $0.seconds.contains(window.endSecond) } ?? false
    }

    /// Shifts all times after the clock was set.
    package mutating func clockStepped(by seconds: Int) {
        habits?.clockStepped(by: seconds)
        for address in found.keys {
            guard let held = found[address]?.seconds else { continue }
            found[address]?.seconds = held.lowerBound + seconds...held.upperBound + seconds
        }
    }

    /// Adds a window, from its own tracker or another one.
    package mutating func add(_ window: Window) {
        habits?.observe(window)
        if !isSettled, let habits, habits.isSettled(at: window.endSecond) {
            isSettled = true
            found = found.filter { !habits.isUsual($0.value.window, $0.value.pattern) }
        }
        guard let match = Pattern.match(window), match.pattern.mayFence,
            match.strength >= Self.leastStrength,
            match.pattern != .guessing || Pattern.restsOnLogins(window),
            !isSettled || habits?.isUsual(window, match.pattern) != true
        else { return }
        let seconds =
            window.startSecond - Self.marginSeconds...window.endSecond + Self.marginSeconds
        let isImpostor = window.usesOthers || match.pattern.isTakeover
        let usesMAC = isImpostor || match.pattern == .spoofing
        guard var suspect = found[window.subject] else {
            found[window.subject] = Suspect(
                subject: window.subject, mac: usesMAC ? window.mac : .zero,
                isImpostor: isImpostor, workload: "", pattern: match.pattern,
                strength: match.strength, window: window,
                seconds: seconds)
            return
        }
        suspect.seconds =
            min(
                suspect.seconds.lowerBound, seconds.lowerBound)...max(
                suspect.seconds.upperBound, seconds.upperBound)
        if match.strength > suspect.strength {
            suspect.pattern = match.pattern
            suspect.strength = match.strength
            suspect.window = window
        }
        if usesMAC { suspect.mac = window.mac }
        suspect.isImpostor = suspect.isImpostor || isImpostor
        found[window.subject] = suspect
    }
}
