internal import AnomalyDetection
internal import EventDelivery
internal import Foundation
internal import NetworkAddresses
internal import Quarantine
internal import Reporting
internal import Synchronization

/// The quarantine of a running monitor, as the docket asks it.
struct LiveDecider: FenceDecider {
    let quarantine: QuarantineGuard
    let isEnforcing: Bool
    let complain: @Sendable (String) -> Void

    func decide(_ offence: Offence) -> [QuarantineRunner.Outcome] {
        do throws(QuarantineError) {
            return try quarantine.with { runner throws(QuarantineError) in
                try runner.consider(offence, now: WallClock.now())
            }
        } catch {
            complain("\(offence.offender) is not fenced: \(error)")
            return []
        }
    }

    func standing(over address: IPAddress, link: MACAddress) -> QuarantineAction? {
        try? quarantine.with { runner in runner.policy.standing(over: address, link: link) }
    }
}

/// Decisions and fences, on a thread of their own: a slow disk or kernel holds up no packet.
///
/// Verdicts wait in a bounded queue; one more is dropped and counted, and the offender's next window
/// brings the next verdict.
final class DecisionThread: Sendable {
    private enum Message: Sendable {
        case verdict(Verdict)
        case event(String)
    }

    private struct Waiting {
        var messages: [Message] = []
        var dropped: UInt64 = 0
        var isStopping = false
    }

    private static let capacity = 4096

    private let waiting = Mutex(Waiting())
    private let news = DispatchSemaphore(value: 0)
    private let ended = DispatchSemaphore(value: 0)
    private let outlet: EventOutlet
    private let complain: @Sendable (String) -> Void

    /// Starts the thread.
    init(
        docket: sending Docket<LiveDecider>, outlet: EventOutlet,
        complain: @escaping @Sendable (String) -> Void
    ) {
        self.outlet = outlet
        self.complain = complain
        let desk = Mutex<Docket<LiveDecider>?>(docket)
        Thread.detachNewThread { [self] in
            if let docket = desk.withLock({ $0.take() }) { work(docket) }
            ended.signal()
        }
    }

    /// Verdicts that found the queue full.
    var dropped: UInt64 { waiting.withLock { $0.dropped } }
    /// How the places where events go are doing.
    var sinks: [SinkStatus] { outlet.statuses }

    func submit(_ verdict: Verdict) { push(.verdict(verdict)) }
    /// Writes a line behind what waits.
    func submit(event: String) { push(.event(event)) }
    /// Opens the event file anew.
    func reopen() { outlet.reopen() }

    /// Works off what waits, and ends the thread.
    func stop() {
        waiting.withLock { $0.isStopping = true }
        news.signal()
        ended.wait()
    }

    private func push(_ message: Message) {
        let isTaken = waiting.withLock { waiting in
            guard waiting.messages.count < Self.capacity else {
                waiting.dropped += 1
                return false
            }
            waiting.messages.append(message)
            return true
        }
        if isTaken { news.signal() }
    }

    private func work(_ docket: consuming Docket<LiveDecider>) {
        var nextTick = WallClock.now()
        var ticks = 0
        var isEnding = false
        while !isEnding {
            _ = news.wait(timeout: .now() + .milliseconds(250))
            let (messages, isStopping) = waiting.withLock { waiting in
                defer { waiting.messages.removeAll(keepingCapacity: true) }
                return (waiting.messages, waiting.isStopping)
            }
            isEnding = isStopping
            for message in messages { handle(message, &docket) }
            let now = WallClock.now()
            guard now >= nextTick || now < nextTick - 2_000_000_000 else { continue }
            nextTick = now + 1_000_000_000
            tick(&docket, refreshes: ticks % 5 == 0)
            ticks += 1
        }
    }

    private func handle(_ message: Message, _ docket: inout Docket<LiveDecider>) {
        switch message {
        case .verdict(let verdict):
            let entry = docket.enter(verdict)
            write(entry.events)
            for outcome in entry.outcomes {
                if let failure = outcome.failure {
                    complain("\(outcome.action.target): \(failure)")
                }
            }
        case .event(let line): write([line])
        }
    }

    /// Expiries, what others did, and the protected set.
    private func tick(_ docket: inout Docket<LiveDecider>, refreshes: Bool) {
        do throws(QuarantineError) {
            let outcomes = try docket.decider.quarantine.with {
                runner throws(QuarantineError) in
                if refreshes { try runner.refreshProtected() }
                return try runner.tick(now: WallClock.now())
            }
            write(outcomes.map(docket.event))
        } catch { complain("\(error)") }
    }

    private func write(_ lines: [String]) {
        for line in lines { outlet.write(line) }
    }
}

/// The system's clock.
enum WallClock {
    /// Nanoseconds since 1970.
    static func now() -> Int64 {
        var time = timespec()
        // SAFETY: the structure is ours.
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        return Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
    }
}
