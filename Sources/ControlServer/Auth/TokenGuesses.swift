internal import Glibc
internal import HTTPServer
internal import Synchronization
internal import Timestamps

/// Distinguishes the right token from wrong ones, and refuses users who guess tokens.
///
/// Counts different wrong tokens by the user who sent them: a client that keeps sending an old
/// token does not guess. A user who has sent the right token is never refused, and neither are root
/// and the monitor's own user, who can read the token's file: guessing locks no operator out. Where
/// the kernel does not report the user, a right token is always accepted.
final class TokenGuesses: Sendable {
    /// The counts since the start.
    struct Counts: Equatable, Sendable {
        /// Requests with a wrong token.
        var wrong: UInt64 = 0
        /// Requests that were refused without a look at their token.
        var refused: UInt64 = 0
    }

    /// Different wrong tokens of one user in `span`.
    static let limitOfUser = 10
    /// Different wrong tokens in `span` of all users.
    static let limitOfAll = 100
    static let span = Interval.seconds(60)

    private struct State {
        var begin: Instant?
        /// Hashes of the wrong tokens of each user; nil stands for unknown users.
        var wrong: [UInt32?: Set<Int>] = [:]
        var total = 0
        /// Users whose refusal was logged in this span.
        var told: Set<UInt32?> = []
        /// Users who have sent the right token.
        var proven: Set<UInt32> = []
        var counts = Counts()
        var nextLine: Instant?
    }

    private let state = Mutex(State())
    private let log: @Sendable (String) -> Void
    /// Called when the counts have changed.
    private let report: @Sendable (Counts) -> Void

    /// - Parameter log: receives a line, at most one a minute, when a user is refused.
    init(
        log: @escaping @Sendable (String) -> Void = { _ in },
        report: @escaping @Sendable (Counts) -> Void = { _ in }
    ) {
        self.log = log
        self.report = report
    }

    /// Whether a request has the right token.
    ///
    /// - Parameters:
    ///   - given: the field Authorization; nil: there is none, which is not a guess.
    ///   - isRight: compares it in constant time.
    /// - Throws: 429 where the user has sent too many wrong tokens; `given` was not looked at.
    func admit(
        _ given: String?, from user: UInt32?, now: Instant = Clock.monotonic(),
        isRight: (String) -> Bool
    ) throws(ProblemDetails) -> Bool {
        guard let given else { return false }
        guard let wait = refusal(user, now) else {
            if isRight(given) {
                if let user { state.withLock { _ = $0.proven.insert(user) } }
                return true
            }
            note(given, from: user, now)
            return false
        }
        // An unknown user may be an operator: its token is compared nevertheless.
        if user == nil, isRight(given) { return true }
        report(
            state.withLock { state in
                state.counts.refused += 1
                return state.counts
            })
        let seconds = max(1, wait.wholeSeconds + 1)
        throw ProblemDetails(
            .tooManyRequests,
            "too many wrong tokens; send the right one in \(seconds) s, or use the Unix socket",
            headers: ["Retry-After": "\(seconds)"])
    }

    /// How much longer a user is refused; nil: it is not refused.
    private func refusal(_ user: UInt32?, _ now: Instant) -> Interval? {
        let (wait, line) = state.withLock { state -> (Interval?, String?) in
            guard let begin = state.begin, now < begin + Self.span else {
                state.begin = nil
                (state.wrong, state.total, state.told) = ([:], 0, [])
                return (nil, nil)
            }
            if let user, user == 0 || user == geteuid() || state.proven.contains(user) {
                return (nil, nil)
            }
            let own = state.wrong[user]?.count ?? 0
            guard own >= Self.limitOfUser || state.total >= Self.limitOfAll else {
                return (nil, nil)
            }
            let wait = begin + Self.span - now
            guard state.told.insert(user).inserted, state.nextLine.map({ $0 <= now }) ?? true
            else { return (wait, nil) }
            state.nextLine = now + Self.span
            let who = user.map { "user \($0)" } ?? "a client"
            return (
                wait,
                "\(who) has sent wrong tokens to the control port: refused for "
                    + "\(wait.wholeSeconds + 1) s; so far \(state.counts.wrong) in all"
            )
        }
        if let line { log(line) }
        return wait
    }

    private func note(_ given: String, from user: UInt32?, _ now: Instant) {
        let counts = state.withLock { state in
            state.counts.wrong += 1
            if state.begin == nil { state.begin = now }
            let isCounted =
                state.wrong[user, default: []].count < Self.limitOfUser
                && state.total < Self.limitOfAll
            if isCounted, state.wrong[user, default: []].insert(given.hashValue).inserted {
                state.total += 1
            }
            return state.counts
        }
        report(counts)
    }
}
