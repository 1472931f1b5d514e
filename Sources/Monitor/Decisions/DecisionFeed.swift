internal import CrowdSec
internal import Enforcement
internal import Logging
internal import NetworkAddresses
internal import Quarantine
internal import Synchronization
internal import Timestamps

/// Follows other programs' decisions, and keeps the rules that they ask for.
///
/// An error changes no rule: each ends at the time that is known. The source is asked again, for
/// everything, after a growing pause. Nothing waits for a source but its own task.
final class DecisionFeed: Sendable {
    private let quarantine: QuarantineService
    private let enforcement: EnforcementSwitch
    private let logger: Logger
    private let report: @Sendable ([QuarantineOutcome]) -> Void
    private let tasks = Mutex<[(source: DecisionSource, task: Task<Void, Never>)]>([])

    /// How often everything is asked for: a shorter decision that remains after a longer one was
    /// deleted is in no change.
    private static let refresh = Interval.seconds(900)
    /// The longest pause after errors.
    private static let longestPause = Interval.seconds(60)
    /// The rules of one transaction: a fence of the policy never waits for more of them.
    private static let batch = 256

    init(
        quarantine: QuarantineService, enforcement: EnforcementSwitch, logger: Logger,
        report: @escaping @Sendable ([QuarantineOutcome]) -> Void
    ) {
        self.quarantine = quarantine
        self.enforcement = enforcement
        self.logger = logger
        self.report = report
    }

    /// Follows these sources from now on. Rules of others are withdrawn.
    func follow(_ sources: [DecisionSource]) {
        let ended = replace(sources)
        Task.detached { [self] in
            for task in ended { await task.value }
            await withdraw(except: Set(sources.map(\.name)))
        }
    }

    /// Asks no source any more. Rules stay until they end.
    func stop() { _ = replace([]) }

    /// - Returns: the tasks that are about to end.
    private func replace(_ sources: [DecisionSource]) -> [Task<Void, Never>] {
        let ended = tasks.withLock { tasks in
            let old = tasks
            tasks = sources.map { source in
                old.first { $0.source == source }
                    ?? (source, Task.detached(priority: .utility) { [self] in await run(source) })
            }
            return old.filter { !sources.contains($0.source) }.map(\.task)
        }
        for task in ended { task.cancel() }
        return ended
    }

    private func run(_ source: DecisionSource) async {
        var book = DecisionBook(source)
        var lastStart: Instant?
        var failures = 0
        var (trouble, said) = ("", "")
        while !Task.isCancelled {
            let asked = Clock.monotonic()
            let isStart = lastStart.map { asked - $0 >= Self.refresh } ?? true
            do throws(CrowdSecError) {
                let changes = try await source.bouncer.pull(isStart: isStart)
                book.take(changes, isStart: isStart, now: Clock.monotonic())
                if isStart { lastStart = asked }
                if !trouble.isEmpty { logger.notice("decisions of \(source.name) are read again") }
                trouble = ""
                let isDone: Bool
                (book, isDone) = await apply(book, source)
                failures = isDone ? 0 : failures + 1
            } catch {
                if Task.isCancelled { return }
                (lastStart, failures) = (nil, failures + 1)
                if trouble != "\(error)" {
                    trouble = "\(error)"
                    logger.error(
                        "decisions of \(source.name): \(error); rules stay until they end")
                }
            }
            let words = Self.words(book)
            if words != said, !words.isEmpty {
                logger.warning("decisions of \(source.name): \(words)")
            }
            said = words
            let pause = source.interval * (1 << min(failures, 6))
            let rest = max(source.interval, min(pause, Self.longestPause))
            try? await Task.sleep(for: .nanoseconds(rest.nanoseconds))
        }
    }

    /// What of the decisions has no effect; empty if there is nothing to be said.
    private static func words(_ book: DecisionBook) -> String {
        var parts: [String] = []
        if let refused = book.refused {
            parts.append(
                "\(book.refusedCount) not applied, such as \(refused.prefix): \(refused.reason)")
        }
        if book.surplus > 0 {
            parts.append("\(book.surplus) beyond \(DecisionBook.limit) are not looked at")
        }
        return parts.joined(separator: "; ")
    }

    /// Makes the rules that follow from the decisions.
    ///
    /// - Returns: whether ledger and kernel have taken them. If not, it is not tried as often: each
    ///   attempt is in the audit trail.
    private func apply(
        _ old: DecisionBook, _ source: DecisionSource
    ) async -> (DecisionBook, isDone: Bool) {
        var book = old
        do throws(QuarantineError) {
            let (rules, limits, now) = try await quarantine.use { engine, now in
                var rules: [IPPrefix: QuarantineRule] = [:]
                for rule in engine.rules.values
                where rule.action == .drop && rule.state != .removing {
                    if let prefix = rule.target.prefix { rules[prefix] = rule }
                }
                return (rules, engine.policy.limits, now)
            }
            // Nobody waits for this.
            let plan = book.plan(rules, now: Clock.monotonic(), time: now) {
                limits.objection(toAdopting: $0, time: now)
            }
            if !plan.withdrawn.isEmpty {
                try await withdraw(
                    plan.withdrawn, of: source.name,
                    reason: "\(source.name) has no such decision any more, or it is not applied")
            }
            // As the policy: where an operator has switched enforcement off, no rule is added.
            var rest = enforcement.isActing ? plan.added[...] : []
            while !rest.isEmpty, !Task.isCancelled {
                let part = Array(rest.prefix(Self.batch))
                rest = rest.dropFirst(part.count)
                let outcomes = try await quarantine.use { (engine, now) throws(QuarantineError) in
                    try engine.adopt(part, from: source.name, now: now)
                }
                report(outcomes)
                if !outcomes.isEmpty, outcomes.allSatisfy({ $0.failure != nil }) {
                    return (book, false)
                }
            }
            return (book, true)
        } catch {
            logger.error("decisions of \(source.name): \(error)")
            return (book, false)
        }
    }

    private func withdraw(
        _ targets: Set<QuarantineTarget>?, of name: String, reason: String
    ) async throws(QuarantineError) {
        report(
            try await quarantine.use { (engine, now) throws(QuarantineError) in
                try engine.withdraw(targets, from: name, reason: reason, now: now)
            })
    }

    /// Ends the rules of sources that are not followed.
    private func withdraw(except followed: Set<String>) async {
        do throws(QuarantineError) {
            let names = try await quarantine.use { engine, _ in
                Set(engine.rules.values.compactMap(\.source))
            }
            for name in names.subtracting(followed).sorted() {
                try await withdraw(
                    nil, of: name, reason: "'decisions_from' has no \(name) any more")
            }
        } catch { logger.error("rules of sources that are not followed: \(error)") }
    }
}
