package import FeatureExtraction
package import FlowMetering
package import NetworkAddresses
package import PacketDecoding
import TextFormats
package import Workloads
import Timestamps

/// Looks for attacks in what is to be learnt as clean.
///
/// A baseline that holds a scan takes scans for normal. Shapes that need no baseline tell who
/// scans, floods, guesses or tunnels; beacons are left out, since whatever polls looks like one.
package struct TrainingSanitizer {
    /// A subject whose traffic does not look clean, from its first to its last such window.
    package struct Suspect {
        package var subject: IPAddress
        package var mac: MACAddress
        package var workload: String
        /// The strongest pattern, how strong it is, and in which window.
        package var pattern: Pattern
        package var strength: Float
        package var window: Window
        /// Seconds since 1970 that hold the odd windows, inclusive.
        package var seconds: ClosedRange<Int>

        /// One line for a person.
        package var text: String {
            let who =
                workload == "\(subject)" || workload == "outside"
                ? "\(subject)" : "\(workload) (\(subject))"
            return "\(who), \(pattern.title) at \(UTC.clock(Int64(window.endSecond))) UTC, "
                + pattern.amount(in: window)
        }

        /// What it sent and got in that time.
        package func owns(_ packet: Packet) -> Bool {
            let second = packet.time.second
            guard seconds.contains(second) else { return false }
            if packet.source == subject || packet.destination == subject { return true }
            return mac != .zero && packet.sourceMAC == mac
        }
    }

    /// Clean traffic has bursts too: a shape must be this many times the least that makes it.
    private static let leastStrength: Float = 2
    /// What came just before the first odd window and after the last belongs to it.
    private static let marginSeconds = 60

    private var tracker: WindowTracker
    private var found: [IPAddress: Suspect] = [:]
    private let identities: IdentityMap
    /// Nil for a capture, which has none.
    private var habits: HabitFilter?
    private var isSettled = false

    package init(inventory: Inventory, habits: HabitFilter? = nil) {
        self.habits = habits
        tracker = WindowTracker(inventory: inventory, graph: nil, mode: .withoutBaseline)
        identities = IdentityMap(inventory: inventory)
    }

    /// Applies changes of address owners.
    package mutating func apply(_ change: WorkloadChange) { tracker.apply(change) }

    /// Takes in a packet.
    ///
    /// - Returns: the tag to set on its flow.
    package mutating func observe(_ packet: Packet, _ update: FlowUpdate) -> UInt32? {
        tracker.advance(to: packet.time)
        noteWindows()
        return tracker.observe(packet, update)
    }

    /// All subjects that do not look clean, strongest first.
    package mutating func finish() -> [Suspect] {
        tracker.finish()
        noteWindows()
        return suspects
    }

    private mutating func noteWindows() {
        while let window = tracker.nextWindow() { note(window) }
    }

    /// All subjects that have not looked clean so far, strongest first.
    package var suspects: [Suspect] {
        found.values.map { suspect in
            var named = suspect
            named.workload =
                (suspect.window.identity ?? identities.identity(of: suspect.subject)).name
            return named
        }.sorted { ($1.strength, $0.subject) < ($0.strength, $1.subject) }
    }

    /// Whether the window's subject looked unclean at that time.
    package func isSuspect(_ window: Window) -> Bool {
        found[window.subject].map { $0.seconds.contains(window.endSecond) } ?? false
    }

    /// Goes on after the clock was set.
    package mutating func clockStepped(by seconds: Int) {
        habits?.clockStepped(by: seconds)
        for address in found.keys {
            guard let held = found[address]?.seconds else { continue }
            found[address]?.seconds = held.lowerBound + seconds...held.upperBound + seconds
        }
    }

    /// Adds a window, from its own tracker or from another.
    package mutating func note(_ window: Window) {
        habits?.observe(window)
        if !isSettled, let habits, habits.isSettled(at: window.endSecond) {
            isSettled = true
            found = found.filter { !habits.isUsual($0.value.window, $0.value.pattern) }
        }
        guard let match = Pattern.match(window), match.pattern.mayFence,
            match.strength >= Self.leastStrength,
            !isSettled || habits?.isUsual(window, match.pattern) != true
        else { return }
        let seconds =
            window.startSecond - Self.marginSeconds...window.endSecond + Self.marginSeconds
        guard var suspect = found[window.subject] else {
            found[window.subject] = Suspect(
                subject: window.subject, mac: match.pattern == .spoofing ? window.mac : .zero,
                workload: "", pattern: match.pattern, strength: match.strength, window: window,
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
        if match.pattern == .spoofing { suspect.mac = window.mac }
        found[window.subject] = suspect
    }
}
