internal import CrowdSec
internal import NetworkAddresses
internal import Quarantine
internal import TextFormats
internal import Timestamps

/// The decisions of one source that hold, and the rules that follow from them.
struct DecisionBook: Sendable {
    private struct Entry: Sendable {
        var id: Int
        var prefix: IPPrefix
        var end: Instant
        var origin: String
        var scenario: String

        /// Lists of addresses that others have seen come after decisions that were made here.
        var isListed: Bool { origin == "CAPI" || origin.hasPrefix("lists") }
    }

    /// The most decisions that are remembered.
    static let limit = 100_000
    /// A decision that holds longer ends then; it is in the next complete answer again.
    private static let longest = Interval.seconds(10 * 365 * 86_400)

    private let source: DecisionSource
    private var entries: [Int: Entry] = [:]
    /// One entry for each prefix, in the order in which they become rules.
    private var order: [Entry] = []
    /// The first end in `order`; nil: it is to be made again.
    private var nextEnd: Instant?
    /// Texts that many decisions share.
    private var texts: Set<String> = []

    /// The number of decisions that did not become rules.
    private(set) var refusedCount = 0
    /// One of them, with the reason.
    private(set) var refused: (prefix: IPPrefix, reason: String)?
    /// The number of decisions beyond `limit`.
    private(set) var surplus = 0

    init(_ source: DecisionSource) { self.source = source }

    /// Takes in an answer.
    ///
    /// - Parameter isStart: whether it has all active decisions, and not only the changes.
    mutating func take(_ changes: Bouncer.Changes, isStart: Bool, now: Instant) {
        let (new, deleted) = (changes.new ?? [], changes.deleted ?? [])
        if isStart {
            entries = [:]
            texts = []
            surplus = 0
        } else if new.isEmpty, deleted.isEmpty {
            return
        }
        nextEnd = nil
        for decision in new {
            guard entries.count < Self.limit || entries[decision.id] != nil else {
                surplus += 1
                continue
            }
            entries[decision.id] = entry(decision, now)
        }
        // At the start, the server also names all that were ever deleted.
        if !isStart { for decision in deleted { entries[decision.id] = nil } }
    }

    /// Nil for what is no ban of an address or a network that holds now. A negative rest is that of
    /// a decision whose time the server has misread.
    private mutating func entry(_ decision: PulledDecision, _ now: Instant) -> Entry? {
        let isCounted =
            source.origins.isEmpty
            ? decision.origin != Ban.origin : source.origins.contains(decision.origin)
        guard isCounted, decision.type == "ban",
            ["ip", "range"].contains(decision.scope.lowercased()),
            let rest = GoDuration.parse(decision.duration), rest > .zero,
            let prefix = IPPrefix(decision.value)
        else { return nil }
        return Entry(
            id: decision.id, prefix: prefix, end: now + min(rest, Self.longest),
            origin: shared(decision.origin), scenario: shared(decision.scenario))
    }

    private mutating func shared(_ text: String) -> String {
        texts.insert(String(text.printable.prefix(64))).memberAfterInsert
    }

    /// Makes the list of prefixes, each with the decision that ends last.
    private mutating func sort(_ now: Instant) {
        if let nextEnd, now < nextEnd { return }
        entries = entries.filter { $0.value.end > now }
        var last: [IPPrefix: Entry] = [:]
        for entry in entries.values {
            let other = last[entry.prefix]
            if other.map({ ($0.end, $0.id) < (entry.end, entry.id) }) ?? true {
                last[entry.prefix] = entry
            }
        }
        order = last.values.sorted {
            $0.isListed != $1.isListed ? $1.isListed : $0.prefix < $1.prefix
        }
        nextEnd = order.lazy.map(\.end).min() ?? now + Self.longest
    }

    /// What is to be done about rules.
    struct Plan: Sendable, Equatable {
        var added: [AdoptedRule] = []
        var withdrawn: Set<QuarantineTarget> = []
    }

    /// Compares the decisions with the rules.
    ///
    /// - Parameters:
    ///   - rules: those that drop, by their target.
    ///   - objection: why a prefix is not fenced; nil if it is.
    mutating func plan(
        _ rules: [IPPrefix: QuarantineRule], now: Instant, time: Timestamp,
        objection: (IPPrefix) -> String?
    ) -> Plan {
        sort(now)
        var plan = Plan()
        var held: Set<IPPrefix> = []
        (refusedCount, refused) = (0, nil)
        for entry in order {
            let rule = rules[entry.prefix]
            // The policy's or an operator's rule stays as it is.
            if let rule, rule.source != source.name { continue }
            let isFull = held.count >= source.most
            let full = "more than \(source.most) ('most')"
            if let why = isFull ? full : objection(entry.prefix) {
                refusedCount += 1
                if refused == nil || refused?.reason == full { refused = (entry.prefix, why) }
                continue
            }
            held.insert(entry.prefix)
            let rest = min(entry.end - now, source.longest)
            // It is extended when half of its time is over.
            if let rule, rule.expires - time >= rest / 2 { continue }
            plan.added.append(
                AdoptedRule(
                    prefix: entry.prefix, expires: time + rest,
                    origin: QuarantineRule.crowdSecOrigin + entry.scenario,
                    reason: "decision \(entry.id) of \(entry.origin), from \(source.name)"))
        }
        for (prefix, rule) in rules where rule.source == source.name && !held.contains(prefix) {
            plan.withdrawn.insert(.prefix(prefix))
        }
        return plan
    }
}
