import AttackPatterns
public import FeatureExtraction
public import NetworkAddresses
import Workloads

/// Judges what targets received. There is no forest for it: a target is compared with its own last
/// ten minutes, and an incident of this kind never leads to a fence.
extension Detector {
    /// The name of the offender in an incident whose senders are not known.
    public static let unknownSenders = "unknown senders"
    /// The same, where most packets come from known senders.
    public static let severalSenders = "several senders"

    private static let leastSenders: Float = 20
    private static let leastScanners: Float = 3
    private static let leastLogins: Float = 30
    /// A flood is this many times more than usual.
    private static let surge: Float = 5

    /// Returns the verdict on what a target received, or nil if there is nothing to report.
    ///
    /// Targets are judged before the hosts of the same second, so that a flood is known when its
    /// senders are judged.
    public mutating func judge(_ received: TargetWindow) -> Verdict? {
        var window = received
        if window.scale == .short { window.usual = seen.floods.usual(of: window) }
        guard let found = flood(window) ?? scan(window) ?? guessing(window) else { return nil }
        if window.scale == .short { seen.floods.note(window) }
        let counts = window.counts
        var shown = Window(
            subject: .unspecified, scale: window.scale, endSecond: window.endSecond,
            ageSeconds: window.ageSeconds, values: [Float](repeating: 0, count: Feature.count),
            contact: window.contact)
        shown.identity = window.identity
        shown.contact.address = window.target
        shown.contact.second = window.endSecond
        shown.forgedCount = counts[.forged]
        let name = window.identity.name == "\(window.target)" ? "" : window.identity.name + " "
        let target = name + (name.isEmpty ? "\(window.target)" : "(\(window.target))")
        let isProven = counts[.proven] * 2 > counts.total
        let texts = [
            "\(target) received \(found.count) \(found.what) in \(window.scale.seconds) s;"
                + " usual \(found.usual)",
            senders(window),
            isProven
                ? "its senders are known: each may have an incident of its own"
                : "fences on the senders' addresses would not help; limit what is sent to"
                    + " \(target)",
        ]
        let pValue = 1 / Double(window.ageSeconds + 1)
        return Verdict(
            window: shown, workload: isProven ? Self.severalSenders : Self.unknownSenders,
            isKnown: false, baselineName: "\(target), its last ten minutes",
            score: Float(1 - pValue), pValue: pValue, threshold: 0, pattern: found.pattern,
            strength: found.strength, excess: min(found.strength, 40), level: .watch,
            isFarBeyond: false,
            grounds: .stated(
                texts.map {
                    Verdict.Reason(
                        feature: found.pattern.measure, value: Float(found.count),
                        baselineMedian: Float(found.usual), baselineP99: Float(found.usual),
                        baselineLargest: Float(found.usual), share: 0, text: $0)
                }), received: Boxed(wrappedValue: window)
        ).settled()
    }

    /// "4990 senders; 12 of 5012 packets from known senders, 300 with addresses of others".
    private func senders(_ window: TargetWindow) -> String {
        let counts = window.counts
        return "\(Explanation.fixed(window.senders, digits: 0)) senders;"
            + " \(min(counts[.proven], counts.total)) of \(counts.total) packets from senders"
            + " known by port, MAC address or handshake;"
            + " \(counts[.forged]) with addresses of other hosts"
    }

    private struct Found {
        var pattern: Pattern
        var count: Int
        /// How many there usually are.
        var usual: Int
        /// In multiples of the least amount.
        var strength: Float
        /// What is counted.
        var what: String

        init(_ pattern: Pattern, _ count: Int, usual: Int, least: Float, _ what: String) {
            self.pattern = pattern
            self.count = count
            self.usual = usual
            self.what = what
            strength = Float(count) / max(least, Detector.surge * Float(usual))
        }
    }

    /// The largest of the floods.
    private func flood(_ window: TargetWindow) -> Found? {
        guard window.scale == .short else { return nil }
        let (counts, usual) = (window.counts, window.usual)
        let isForged = counts[.forged] * 2 > counts.total
        guard window.senders >= Self.leastSenders || isForged else { return nil }
        let least = Float(WindowTracker.leastFlood)
        var kinds: [Found] = []
        let half = max(0, counts[.tcp] - counts[.completed])
        if half > counts[.completed] {
            kinds.append(
                Found(
                    .synFlood, half, usual: max(0, usual[.tcp] - usual[.completed]), least: least,
                    "TCP connections that were not completed"))
        }
        // Senders of these do not prove themselves by a handshake.
        if (counts.total - counts[.proven]) * 2 > counts.total {
            let columns: [(TargetCounts.Column, String)] = [
                (.udp, "UDP flows"), (.icmp, "pings"), (.other, "packets of other protocols"),
            ]
            for (column, what) in columns {
                kinds.append(
                    Found(.packetFlood, counts[column], usual: usual[column], least: least, what))
            }
            for kind in UnsolicitedKind.allCases {
                kinds.append(
                    Found(
                        Pattern.flood(of: kind), counts[kind], usual: usual[kind], least: least,
                        "unsolicited packets (\(kind.name))"))
            }
        }
        return kinds.max { $0.strength < $1.strength }.flatMap { $0.strength >= 1 ? $0 : nil }
    }

    /// A scan by several senders, each of which may stay below the amount of a scan, or in the
    /// names of other hosts.
    private func scan(_ window: TargetWindow) -> Found? {
        let counts = window.counts
        let least = Float(WindowTracker.leastScan)
        let isForged = counts[.forged] * 2 > counts.total
        guard window.scale != .short, isForged || window.senders >= Self.leastScanners,
            window.ports >= least, !window.hasOneProber,
            (counts.opened - counts[.completed]) * 2 > counts.opened
        else { return nil }
        return Found(
            .verticalScan, Int(window.ports), usual: 0, least: least,
            "probes of distinct ports that it does not serve, "
                + (window.senders >= Self.leastScanners
                    ? "by several senders" : "in the name of another host"))
    }

    /// Password guessing from many outside addresses.
    private func guessing(_ window: TargetWindow) -> Found? {
        guard window.scale != .short, window.senders >= Self.leastSenders else { return nil }
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        let found = Found(
            .guessing, window.counts[.logins], usual: window.usual[.logins],
            least: Self.leastLogins * length,
            "logins from outside that were refused or cannot be read")
        return found.strength >= 1 ? found : nil
    }
}

extension Verdict {
    /// The address that packets should be limited towards, where no sender can be fenced for them.
    public var protects: IPAddress? { against?.target }
}
