import EventStore
import Foundation
import Logging
import NetworkAddresses
import Quarantine
import Synchronization
import TestKit
import Testing
import Timestamps

@testable import Responses

/// A ledger that stops after a number of writes, as a program that is killed does.
final class FusedLedger: ResponseLedger {
    private let store: EventStore
    private let left: Mutex<Int>
    /// The number of writes that have failed.
    let failures = Mutex(0)
    private let died: @Sendable () -> Void

    init(_ store: EventStore, writes: Int = .max, died: @escaping @Sendable () -> Void = {}) {
        self.store = store
        left = Mutex(writes)
        self.died = died
    }

    func openResponses() throws(ResponseError) -> [ResponseRecord] { try store.openResponses() }

    func hasResponse(_ record: ResponseRecord) throws(ResponseError) -> Bool {
        try store.hasResponse(record)
    }

    func write(_ record: ResponseRecord, _ entries: [AuditEntry]) throws(ResponseError) {
        let isOut = left.withLock { left in
            if left < .max { left -= 1 }
            return left < 0
        }
        if isOut { failures.withLock { $0 += 1 } }
        if isOut {
            died()
            throw .ledger("no space left on device")
        }
        try store.write(record, entries)
    }
}

/// Responses to fences that a test sets, on a simulated engine.
final class ResponseBench: Sendable {
    let docker: FakeDocker
    let store: EventStore
    let log = CollectedLog()
    private let folder: Mutex<Scratch>
    private let rules = Mutex<[QuarantineRule]>([])
    private let limits = Mutex(ResponseSituation(rules: [], isActing: true))
    /// The time of the wall clock, in seconds.
    private let second = Mutex<Int64>(2000)

    init() throws {
        docker = try FakeDocker()
        let scratch = try Scratch()
        store = try EventStore(directory: scratch.path("state"))
        folder = Mutex(scratch)
    }

    var evidence: String { folder.withLock { $0.path("evidence") } }

    var now: Timestamp { Timestamp(second: second.withLock { $0 }) }

    func setClock(_ value: Int64) { second.withLock { $0 = value } }

    func change(_ body: (inout ResponseSituation) -> Void) { limits.withLock { body(&$0) } }

    /// Fences a target, as the policy does.
    func fence(
        _ target: String, id: String = "r1", action: QuarantineRule.Action = .drop,
        created: Int64 = 2000, workload: String? = "shop/web", isForced: Bool = false,
        isDryRun: Bool = false, level: Int = 1, evidence: String = "", origin: String = "policy"
    ) {
        let rule = QuarantineRule(
            id: id, target: TestKit.target(target), action: action, state: .active,
            created: Timestamp(second: created), expires: Timestamp(second: created + 600),
            level: level, reason: "port scan", eventID: "e1", workload: workload,
            origin: origin, isForced: isForced, isDryRun: isDryRun, evidence: evidence)
        rules.withLock { $0.append(rule) }
    }

    func release(_ id: String = "r1") { rules.withLock { $0.removeAll { $0.id == id } } }

    /// Starts the responses; they run when a test calls `tick`.
    func engine(
        _ entries: [ResponseEntry], ledger: (any ResponseLedger)? = nil, isNamed: Bool = true,
        path: String? = nil, cluster: ClusterAddress? = nil
    ) -> ResponseEngine {
        ResponseEngine(
            entries: entries, ledger: ledger ?? store,
            engines: [
                EngineAddress(name: "docker", path: path ?? docker.path, isNamed: isNamed)
            ],
            cluster: cluster, evidence: evidence, logger: log.logger, clock: { [self] in now }
        ) { [self] in
            var situation = limits.withLock { $0 }
            situation.rules = rules.withLock { $0 }
            return situation
        }
    }

    /// Lets the responses run until the condition holds.
    func run(_ engine: ResponseEngine, until condition: () -> Bool) -> Bool {
        eventually(within: 60) {
            engine.tick()
            return condition()
        }
    }

    /// Lets the responses run until nothing is in progress, a few times.
    func settle(_ engine: ResponseEngine) {
        for _ in 0..<6 {
            engine.tick()
            _ = eventually(within: 60) { engine.isIdle }
        }
    }

    /// Kills the program after a number of writes of its ledger, and starts it again: a response is
    /// finished while its fence is active, and undone after it. Four writes apply a response,
    /// further ones undo it.
    func killAndRestart(
        _ entry: String, afterWrites writes: Int,
        start: ((any ResponseLedger)?) throws -> ResponseEngine
    ) throws {
        let dying = FusedLedger(store, writes: writes)
        let first = try start(dying)
        settle(first)
        if writes > 4 {
            release()
            settle(first)
        }
        if writes <= 4 {
            let second = try start(nil)
            #expect(run(second) { states(entry) == [.verified] }, "\(records(entry))")
            release()
        }
        let last = try start(nil)
        #expect(
            run(last) { states(entry).allSatisfy(\.isOver) && last.isIdle }, "\(records(entry))")
        #expect(states(entry) == [.undone], "\(records(entry))")
    }

    /// The states of an entry's records, the oldest first.
    func states(_ entry: String) -> [ResponseRecord.State] { records(entry).map(\.state) }

    func records(_ entry: String) -> [ResponseRecord] {
        ((try? store.responses(limit: 100)) ?? []).filter { $0.entry == entry }
            .sorted { $0.created < $1.created }
    }

    var trail: [String] {
        ((try? store.audit()) ?? []).map { "\($0.entry.action): \($0.entry.detail)" }
    }
}

extension ResponseEngine {
    /// Whether no step is in progress.
    var isIdle: Bool { state.withLock { $0.busy.isEmpty && !$0.isLooking } }
}

extension ResponseEntry {
    init(
        _ name: String, _ action: Action, after seconds: Int64 = 0, workloads: [String] = []
    ) {
        self.init()
        self.name = name
        self.action = action
        delay = .seconds(seconds)
        self.workloads = workloads
    }
}
