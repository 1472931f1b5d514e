import FeatureExtraction
public import NetworkAddresses

/// What one offender did, from its first odd window until it was quiet for a while: what a person
/// reads.
public struct Incident: Sendable {
    public var offender: IPAddress
    public var workload: String
    /// Set when the offender borrowed addresses: its own interface.
    public var spoofingLink: MACAddress?
    /// First second of the first odd window: what led to the incident begins here.
    public var windowStartSecond: Int
    /// Start of the first odd window's newest bucket, and end of the last window, in seconds since
    /// 1970.
    public var firstSecond: Int
    public var lastSecond: Int
    public var verdictCount: Int
    /// The highest level of its verdicts.
    public var level: Verdict.Level
    /// When the first verdict of each level was reached.
    public var firstQuarantineSecond: Int?
    /// The patterns, each with its strongest verdict.
    public var patterns: [Pattern: Verdict]
    /// The verdict that tells most.
    public var strongest: Verdict
    /// Identifier of the first alert.
    public var eventID: String

    /// Patterns, strongest first.
    public var patternsByStrength: [Pattern] {
        patterns.sorted {
            ($1.value.level.rawValue, $1.value.excess, $0.key.rawValue)
                < ($0.value.level.rawValue, $0.value.excess, $1.key.rawValue)
        }.map(\.key)
    }
}

/// Groups verdicts into incidents, and decides which verdicts are worth an alert of their own.
public struct IncidentTracker: Sendable {
    /// Seconds of quiet, beyond the window's length, that end an incident.
    public static let quietSeconds = 60

    /// Offenders that are followed at a time unless less is asked for.
    public static let mostOpen = 65_536
    /// Offenders that are followed at a time; further ones raise alerts, but no incident.
    public let openLimit: Int

    /// Verdicts on offenders that did not fit into the table.
    public private(set) var overlooked = 0

    private var open: [IPAddress: Incident] = [:]
    private var lastAlert: [AlertKey: Int] = [:]
    private var forgotten = Int.min / 2
    public private(set) var closed: [Incident] = []

    private struct AlertKey: Hashable {
        var offender: IPAddress
        var workload: String
        var pattern: Pattern?
        var level: Verdict.Level
    }

    public init(openLimit: Int = Self.mostOpen) { self.openLimit = openLimit }

    /// Takes in a verdict.
    ///
    /// - Returns: whether it deserves an alert: the first of its pattern and level, and then one
    ///   for each window's length that it goes on.
    public mutating func observe(_ verdict: Verdict, eventID: String) -> Bool {
        merge(verdict, eventID)
        let key = AlertKey(
            offender: verdict.subject, workload: verdict.workload, pattern: verdict.pattern,
            level: verdict.level)
        let now = verdict.window.endSecond
        // A time to come is one of before the clock was set back.
        if let last = lastAlert[key], (0..<verdict.window.scale.seconds).contains(now - last) {
            return false
        }
        if lastAlert.count > 65_536 { forgetAlerts(now) }
        lastAlert[key] = now
        return true
    }

    /// Forgets when alerts were told that may be told again; and all of them where they are too
    /// many, rather than to search through them for every verdict.
    private mutating func forgetAlerts(_ now: Int) {
        if lastAlert.count > 262_144 {
            lastAlert = [:]
        } else if !(forgotten..<forgotten + 60).contains(now) {
            forgotten = now
            lastAlert = lastAlert.filter { now - $0.value < 600 }
        }
    }

    private mutating func merge(_ verdict: Verdict, _ eventID: String) {
        let window = verdict.window
        let link = verdict.pattern == .spoofing ? window.mac : nil
        // Another holder of the address is another offender.
        if var incident = open[verdict.subject], incident.workload == verdict.workload,
            window.endSecond - incident.lastSecond <= Self.quietSeconds + window.scale.seconds
        {
            incident.lastSecond = window.endSecond
            incident.verdictCount += 1
            incident.level = max(incident.level, verdict.level)
            incident.spoofingLink = incident.spoofingLink ?? link
            if verdict.level == .quarantine && incident.firstQuarantineSecond == nil {
                incident.firstQuarantineSecond = window.endSecond
            }
            if let pattern = verdict.pattern,
                incident.patterns[pattern].map({ Self.weight(verdict) > Self.weight($0) }) ?? true
            {
                incident.patterns[pattern] = verdict
            }
            if Self.weight(verdict) > Self.weight(incident.strongest) {
                incident.strongest = verdict
            }
            open[verdict.subject] = incident
            return
        }
        if let over = open[verdict.subject] {
            closed.append(over)
        } else if open.count >= openLimit {
            overlooked += 1
            return
        }
        open[verdict.subject] = Incident(
            offender: verdict.subject, workload: verdict.workload, spoofingLink: link,
            windowStartSecond: window.startSecond,
            firstSecond: window.endSecond - window.scale.bucketSeconds + 1,
            lastSecond: window.endSecond, verdictCount: 1, level: verdict.level,
            firstQuarantineSecond: verdict.level == .quarantine ? window.endSecond : nil,
            patterns: verdict.pattern.map { [$0: verdict] } ?? [:], strongest: verdict,
            eventID: eventID)
    }

    private static func weight(_ verdict: Verdict) -> Float {
        verdict.excess + (verdict.level == .quarantine ? 1000 : 0)
            + (verdict.pattern == .newService || verdict.pattern == nil ? 0 : 100)
    }

    /// Closes what has been quiet since `second` and forgets the oldest closed ones beyond `kept`,
    /// so that a program that runs for months keeps a bounded number.
    public mutating func settle(before second: Int, keeping kept: Int) {
        for (offender, incident) in open where incident.lastSecond < second {
            closed.append(incident)
            open[offender] = nil
        }
        guard closed.count > kept else { return }
        closed.sort { ($0.firstSecond, $0.offender) < ($1.firstSecond, $1.offender) }
        closed.removeFirst(closed.count - kept)
    }

    /// Those that had a verdict in or after `second`.
    public func changed(since second: Int) -> [Incident] {
        (closed.reversed().prefix { $0.lastSecond >= second } + open.values).filter {
            $0.lastSecond >= second
        }
    }

    /// The incident that the newest verdict on `offender` belongs to.
    public func current(of offender: IPAddress) -> Incident? { open[offender] }

    /// All incidents, by their start; those that go on included.
    public var all: [Incident] {
        (closed + open.values).sorted {
            ($0.firstSecond, $0.offender) < ($1.firstSecond, $1.offender)
        }
    }
}
