public import AttackPatterns
import FeatureExtraction
import Indicators
public import NetworkAddresses
public import RuntimeEvents
import SenderAttribution
import Timestamps

/// All verdicts on one offender, from its first anomalous window until it was quiet for a while.
public struct Incident: Sendable {
    public var offender: IPAddress
    public var workload: String
    /// The offender's own MAC address, set if it used addresses of others.
    public var spoofingLink: MACAddress?
    /// The port of the node by which its packets came; nil where it is unknown.
    public var portName: String?
    /// First second of the first anomalous window: the evidence for the incident begins here.
    public var windowStartSecond: Int
    /// The start of the first anomalous window's newest bucket, and the last second of the newest
    /// traffic that its verdicts rest on, in seconds since 1970.
    public var firstSecond: Int
    public var lastSecond: Int
    /// The end of its last anomalous window, which may slide over old traffic.
    public var lastWindowSecond: Int
    public var verdictCount: Int
    /// The highest level of its verdicts.
    public var level: Verdict.Level
    /// The end of the first window with the level `quarantine`.
    public var firstQuarantineSecond: Int?
    /// The patterns, each with its strongest verdict.
    public var patterns: [Pattern: Verdict]
    /// When each of the patterns was seen.
    public private(set) var spans: [Pattern: Span] = [:]
    /// The verdict with the greatest weight.
    public var strongest: Verdict
    /// What its windows reached at most.
    public private(set) var peaks = IncidentPeaks()
    /// Whom its verdicts acted on, the first ones; the others are counted.
    public private(set) var targets: [AttackTarget.Host] = []
    /// How many they are at least.
    public private(set) var targetCount = 0
    /// Identifier of the first alert.
    public var eventID: String
    /// What was said of the workload's processes before and during it, the earliest first.
    public private(set) var runtimeEvents: [RuntimeEvent] = []

    /// When a pattern was seen.
    public struct Span: Sendable, Equatable {
        /// As of the incident.
        public var firstSecond: Int
        public var lastSecond: Int
        /// Its anomalous windows.
        public var verdictCount: Int
    }

    /// The greatest number of them.
    public static let mostRuntimeEvents = 16
    /// The greatest number of targets that are named.
    public static let mostTargets = 16

    /// The target of the attack, where the offender's address may be forged.
    public var target: IPAddress? {
        let window = strongest.window
        let contact = window.lastContact
        guard window.evidence.mayBeForged, contact.second >= window.startSecond,
            !contact.address.isUnspecified
        else { return nil }
        return contact.address
    }

    /// Whether its offenders are not known, or are many.
    public var isAgainstTarget: Bool { strongest.against != nil }

    /// Patterns, strongest first.
    public var patternsByStrength: [Pattern] {
        patterns.sorted {
            ($1.value.level.rawValue, $1.value.excess, $0.key.rawValue)
                < ($0.value.level.rawValue, $0.value.excess, $1.key.rawValue)
        }.map(\.key)
    }
}

extension Incident {
    /// Adds a verdict on the same offender; returns false if it is part of another incident, such
    /// as one before the clock was set back.
    ///
    /// - Parameter link: the offender's MAC address, if it used addresses of others.
    fileprivate mutating func take(_ verdict: Verdict, _ link: MACAddress?) -> Bool {
        let (second, length) = (verdict.window.endSecond, verdict.window.scale.seconds)
        guard workload == verdict.workload,
            abs(second - lastWindowSecond) <= IncidentTracker.quietSeconds + length
        else { return false }
        lastWindowSecond = max(lastWindowSecond, second)
        lastSecond = verdict.lastTraffic.prolonging(lastSecond)
        verdictCount += 1
        level = max(level, verdict.level)
        spoofingLink = spoofingLink ?? link
        if !verdict.window.portName.isEmpty { portName = verdict.window.portName }
        if verdict.level == .quarantine && firstQuarantineSecond == nil {
            firstQuarantineSecond = second
        }
        let weight = Self.weight(verdict)
        if let pattern = verdict.pattern,
            patterns[pattern].map({ weight > Self.weight($0) }) ?? true
        {
            patterns[pattern] = verdict
        }
        if weight > Self.weight(strongest) { strongest = verdict }
        note(verdict)
        return true
    }

    /// Adds what a verdict reached, whom it acted on, and what was said of processes.
    fileprivate mutating func note(_ verdict: Verdict) {
        if let pattern = verdict.pattern {
            let traffic = verdict.lastTraffic
            var span =
                spans[pattern]
                ?? Span(
                    firstSecond: traffic.lowerBound, lastSecond: traffic.upperBound,
                    verdictCount: 0)
            span.lastSecond = traffic.prolonging(span.lastSecond)
            span.verdictCount += 1
            spans[pattern] = span
        }
        peaks.add(verdict)
        add(targetsOf: verdict)
        add(verdict.runtimeEvents)
    }

    private static func weight(_ verdict: Verdict) -> Float {
        verdict.excess + (verdict.level == .quarantine ? 1000 : 0)
            + (verdict.pattern == .newService || verdict.pattern == nil ? 0 : 100)
    }

    /// Adds those that a verdict acts on.
    mutating func add(targetsOf verdict: Verdict) {
        var isFull = false
        for target in verdict.targets
        where !targets.contains(where: { $0.address == target.address }) {
            if targets.count < Self.mostTargets { targets.append(target) } else { isFull = true }
        }
        targetCount = max(
            targetCount, verdict.attacked?.addressCount ?? 0, targets.count + (isFull ? 1 : 0))
    }

    /// Adds runtime events, and replaces those that it has by their latest counts. Of too many, the
    /// least urgent are left out, and the latest of these.
    mutating func add(_ events: [RuntimeEvent]) {
        guard !events.isEmpty else { return }
        for event in events {
            if let known = runtimeEvents.firstIndex(where: { event.continues($0) }) {
                runtimeEvents[known].merge(event)
            } else {
                runtimeEvents.append(event)
            }
        }
        if runtimeEvents.count > Self.mostRuntimeEvents {
            runtimeEvents.sort { left, right in
                left.priority == right.priority
                    ? left.time < right.time : left.priority.isAtLeast(right.priority)
            }
            runtimeEvents.removeLast(runtimeEvents.count - Self.mostRuntimeEvents)
        }
        runtimeEvents.sort { ($0.time, $0.rule) < ($1.time, $1.rule) }
    }
}

extension ClosedRange<Int> {
    /// The last second of traffic that was known up to `second`, with that of this bucket. A bucket
    /// that has the second in it may have no other traffic: a longer window says it less exactly.
    fileprivate func prolonging(_ second: Int) -> Int {
        lowerBound > second ? upperBound : second
    }
}

/// Groups verdicts into incidents, and decides which verdicts raise an alert.
public struct IncidentTracker: Sendable {
    /// Seconds of quiet, beyond the window's length, that end an incident.
    public static let quietSeconds = 60

    /// The default of `openLimit`.
    public static let mostOpen = 65_536
    /// The greatest number of open incidents; further offenders raise alerts, but no incident.
    public let openLimit: Int

    /// Whether memory is short: no further incidents are opened.
    public var isCramped = false
    /// Verdicts that were dropped because the table of offenders was full.
    public private(set) var overlooked = 0

    private var open: [Key: Incident] = [:]
    private var lastAlert: [AlertKey: Int] = [:]
    private var forgotten = Int.min / 2
    public private(set) var closed: [Incident] = []

    /// Several targets may have offenders that are not known.
    private struct Key: Hashable {
        var offender: IPAddress
        var target: IPAddress?

    }

    private struct AlertKey: Hashable {
        var offender: Key
        var workload: String
        var pattern: Pattern?
        var level: Verdict.Level
        /// Each listed address or name is an alert of its own.
        var indicator: String?
    }

    public init(openLimit: Int = Self.mostOpen) { self.openLimit = openLimit }

    /// Adds a verdict.
    ///
    /// - Parameter eventID: is needed only if it begins an incident.
    /// - Returns: whether it raises an alert: the first of its pattern and level, and then one for
    ///   each window's length that it continues.
    public mutating func observe(
        _ verdict: Verdict, eventID: @autoclosure () -> String
    ) -> Bool {
        merge(verdict, eventID)
        let key = AlertKey(
            offender: Key(offender: verdict.subject, target: verdict.protects),
            workload: verdict.workload, pattern: verdict.pattern,
            level: verdict.level, indicator: verdict.window.indicator?.value)
        let now = verdict.window.endSecond
        // A last alert in the future is from before the clock was set back.
        if let last = lastAlert[key], (0..<verdict.window.scale.seconds).contains(now - last) {
            return false
        }
        if lastAlert.count > 65_536 { forgetAlerts(now) }
        lastAlert[key] = now
        return true
    }

    /// Forgets the times of alerts that may be raised again. If there are too many entries, forgets
    /// all of them, rather than filter them for every verdict.
    private mutating func forgetAlerts(_ now: Int) {
        if lastAlert.count > 262_144 {
            lastAlert = [:]
        } else if !(forgotten..<forgotten + 60).contains(now) {
            forgotten = now
            lastAlert = lastAlert.filter { now - $0.value < 600 }
        }
    }

    private mutating func merge(_ verdict: Verdict, _ eventID: () -> String) {
        let window = verdict.window
        let usesOthers = verdict.pattern == .spoofing || verdict.pattern?.isTakeover == true
        let link = usesOthers ? window.mac : nil
        // Another owner of the address is another offender.
        let key = Key(offender: verdict.subject, target: verdict.protects)
        // In place: an incident has copies of several verdicts.
        if let index = open.index(forKey: key), open.values[index].take(verdict, link) { return }
        let over = open[key]
        guard !isCramped, over != nil || open.count < openLimit else {
            overlooked += 1
            return
        }
        if let over { closed.append(over) }
        var incident = Incident(
            offender: verdict.subject, workload: verdict.workload, spoofingLink: link,
            portName: window.portName.isEmpty ? nil : window.portName,
            windowStartSecond: window.startSecond,
            firstSecond: verdict.lastTraffic.lowerBound,
            lastSecond: verdict.lastTraffic.upperBound, lastWindowSecond: window.endSecond,
            verdictCount: 1, level: verdict.level,
            firstQuarantineSecond: verdict.level == .quarantine ? window.endSecond : nil,
            patterns: verdict.pattern.map { [$0: verdict] } ?? [:], strongest: verdict,
            eventID: eventID())
        incident.note(verdict)
        open[key] = incident
    }

    /// Adds a runtime event to the open incidents of its workload that it is near to.
    ///
    /// - Returns: the end of the last window of the earliest of them; nil: there is none.
    public mutating func add(_ event: RuntimeEvent, of workload: String) -> Int? {
        var last: Int?
        let lead = RuntimeEventLog.leadTime.wholeSeconds
        for (key, incident) in open where incident.workload == workload {
            let begin = incident.firstSecond - lead
            let end = incident.lastWindowSecond + Self.quietSeconds
            guard event.last.second >= begin, event.time.second <= end else { continue }
            open[key]?.add([event])
            last = min(last ?? .max, incident.lastWindowSecond)
        }
        return last
    }

    /// Closes the incidents without a verdict since `second`, and forgets the oldest closed ones
    /// beyond `kept`, so memory stays bounded.
    public mutating func settle(before second: Int, keeping kept: Int) {
        for (key, incident) in open where incident.lastWindowSecond < second {
            closed.append(incident)
            open[key] = nil
        }
        guard closed.count > kept else { return }
        closed.sort(by: Self.areInOrder)
        closed.removeFirst(closed.count - kept)
    }

    /// The incidents with a verdict in or after `second`.
    public func changed(since second: Int) -> [Incident] {
        (closed.reversed().prefix { $0.lastWindowSecond >= second } + open.values).filter {
            $0.lastWindowSecond >= second
        }
    }

    /// The incident that the newest verdict on `offender` belongs to; with a target, the one of
    /// that target's offenders.
    public func current(of offender: IPAddress, target: IPAddress? = nil) -> Incident? {
        open[Key(offender: offender, target: target)]
    }

    /// All incidents, open ones included, by their start.
    public var all: [Incident] {
        (closed + open.values).sorted(by: Self.areInOrder)
    }

    /// One offender may have several that began in the same second.
    private static func areInOrder(_ left: Incident, _ right: Incident) -> Bool {
        (left.firstSecond, left.offender, left.eventID)
            < (right.firstSecond, right.offender, right.eventID)
    }
}
