public import FeatureExtraction
public import NetworkAddresses
import Workloads

/// Judges what targets received. There is no forest for it: a target is compared with its own last
/// ten minutes, and an incident of this kind fences nobody.
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
    public func judge(_ window: TargetWindow) -> Verdict? {
        guard let found = flood(window) ?? scan(window) ?? guessing(window) else { return nil }
        let counts = window.counts
        var seen = Window(
            subject: .unspecified, scale: window.scale, endSecond: window.endSecond,
            ageSeconds: window.ageSeconds, values: [Float](repeating: 0, count: Feature.count),
            contact: window.contact)
        seen.identity = window.identity
        seen.contact.address = window.target
        seen.contact.second = window.endSecond
        seen.forgedCount = counts[.forged]
        let name = window.identity.name == "\(window.target)" ? "" : window.identity.name + " "
        let target = name + (name.isEmpty ? "\(window.target)" : "(\(window.target))")
        let amount = Explanation.fixed(found.count, digits: 0)
        let usual = Explanation.fixed(window.usual, digits: 0)
        let isProven = counts[.proven] * 2 > counts.total
        let texts = [
            "\(target) received \(amount) \(found.what) in \(window.scale.seconds) s;"
                + " usual \(usual)",
            senders(window),
            isProven
                ? "its senders are known: each may have an incident of its own"
                : "fences on the senders' addresses would not help; limit what is sent to \(target)",
        ]
        let pValue = 1 / Double(window.ageSeconds + 1)
        return Verdict(
            window: seen, workload: isProven ? Self.severalSenders : Self.unknownSenders,
            isKnown: false, baselineName: "\(target), its last ten minutes",
            score: Float(1 - pValue), pValue: pValue, threshold: 0, pattern: found.pattern,
            strength: found.strength, excess: min(found.strength, 40), level: .watch,
            isFarBeyond: false,
            reasons: texts.map {
                Verdict.Reason(
                    feature: found.pattern.measure, value: found.count,
                    baselineMedian: window.usual, baselineP99: window.usual,
                    baselineLargest: window.usual, share: 0, text: $0)
            }, against: window)
    }

    /// "4990 senders; 12 of 5012 packets from known senders, 300 with addresses of others".
    private func senders(_ window: TargetWindow) -> String {
        let counts = window.counts
        return "\(Explanation.fixed(window.senders, digits: 0)) senders;"
            + " \(min(counts[.proven], counts.total)) of \(counts.total) packets from senders"
            + " known by port, MAC address or handshake;"
            + " \(counts[.forged]) with addresses of other hosts"
    }

    private typealias Found = (pattern: Pattern, count: Float, strength: Float, what: String)

    /// The largest of the floods.
    private func flood(_ window: TargetWindow) -> Found? {
        guard window.scale == .short else { return nil }
        let counts = window.counts
        let isForged = counts[.forged] * 2 > counts.total
        guard window.senders >= Self.leastSenders || isForged else { return nil }
        let half = max(0, counts[.tcp] - counts[.completed])
        var kinds: [(pattern: Pattern, count: Int, what: String)] = []
        if half > counts[.completed] {
            kinds.append((.synFlood, half, "TCP connections that were not completed"))
        }
        // Senders of these do not prove themselves by a handshake.
        if (counts.total - counts[.proven]) * 2 > counts.total {
            kinds.append((.packetFlood, counts[.udp], "UDP flows"))
            kinds.append((.packetFlood, counts[.icmp], "pings"))
            kinds.append((.packetFlood, counts[.other], "packets of other protocols"))
            for kind in UnsolicitedKind.allCases {
                kinds.append(
                    (Pattern.flood(of: kind), counts[kind], "unsolicited packets (\(kind.name))"))
            }
        }
        guard let most = kinds.max(by: { $0.count < $1.count }) else { return nil }
        let least = max(Float(WindowTracker.leastFlood), Self.surge * window.usual)
        let strength = Float(most.count) / least
        return strength >= 1 ? (most.pattern, Float(most.count), strength, most.what) : nil
    }

    /// A scan by several senders, each of which may stay below the amount of a scan.
    private func scan(_ window: TargetWindow) -> Found? {
        let counts = window.counts
        guard window.scale != .short, window.senders >= Self.leastScanners,
            window.ports >= Float(WindowTracker.leastScan), !window.hasOneProber,
            (counts.opened - counts[.completed]) * 2 > counts.opened
        else { return nil }
        return (
            .verticalScan, window.ports, window.ports / Float(WindowTracker.leastScan),
            "probes of distinct ports that it does not serve, by several senders"
        )
    }

    /// Password guessing from many outside addresses.
    private func guessing(_ window: TargetWindow) -> Found? {
        let length = (Float(window.scale.seconds) / 10).squareRoot()
        let least = max(Self.leastLogins * length, Self.surge * window.usual)
        let logins = Float(window.counts[.logins])
        guard window.scale != .short, window.senders >= Self.leastSenders, logins >= least else {
            return nil
        }
        return (.guessing, logins, logins / least, "logins from outside")
    }
}

extension Verdict {
    /// The address that packets should be limited towards, where nobody can be fenced for them.
    public var protects: IPAddress? { against?.target }
}
