internal import Logging
internal import NetworkAddresses
internal import Quarantine
internal import Synchronization
internal import Timestamps

extension ResponseEngine {
    /// Looks up the containers of new fences, and records their responses.
    func lookUp(
        _ fences: [String: [QuarantineRule]], _ situation: ResponseSituation, _ now: Instant
    ) {
        guard situation.isActing else { return }
        let wanted = state.withLock { state -> Set<String> in
            guard !state.isLooking, !state.entries.isEmpty else { return [] }
            let new = state.fences.filter { $0.value.objects == nil && $0.value.due <= now }.keys
            // A fence that overrides the protection of its target is all that was asked for.
            let allowed = new.filter { id in !(fences[id] ?? []).contains(where: \.isForced) }
            for id in Set(new).subtracting(allowed) { state.fences[id]?.objects = [] }
            state.isLooking = !allowed.isEmpty
            return Set(allowed)
        }
        guard !wanted.isEmpty else { return }
        run { [self] in
            await record(fences.filter { wanted.contains($0.key) }, situation)
            state.withLock { $0.isLooking = false }
        }
    }

    private func record(
        _ fences: [String: [QuarantineRule]], _ situation: ResponseSituation
    ) async {
        var running: [FoundContainer] = []
        var trouble: String?
        let entries = state.withLock { $0.entries }
        let hasContainerEntries = entries.contains { $0.action.isOnContainer }
        for engine in engines where hasContainerEntries && engine.isExpected {
            do throws(ResponseError) {
                running += try await FoundContainer.all(of: engine)
            } catch {
                trouble = "\(engine.name): \(error)"
            }
        }
        for (id, rules) in fences.sorted(by: { $0.key < $1.key }) {
            let found = running.filter { one in rules.contains { one.isMeant(by: $0) } }
            let now = clock()
            let remote = rules.flatMap { ResponseRecord.planned($0, entries, situation, now) }
            do throws(ResponseError) {
                for record in remote { try begin(record) }
                if found.isEmpty, let trouble { throw .failed(trouble) }
                let planned = found.flatMap {
                    ResponseRecord.planned($0, rules, entries, situation, now)
                }
                for record in planned { try begin(record) }
                let objects = Set(found.map(\.id) + remote.map(\.object))
                state.withLock { $0.fences[id]?.objects = objects }
            } catch {
                postpone(id, "\(error)")
            }
        }
    }

    /// Tries again later, a few times.
    private func postpone(_ id: String, _ trouble: String) {
        let attempts = state.withLock { state -> Int in
            guard var fence = state.fences[id] else { return 0 }
            fence.attempts += 1
            fence.due = Clock.monotonic() + Self.delay(after: fence.attempts)
            if fence.attempts >= Self.attemptLimit { fence.objects = [] }
            state.fences[id] = fence
            return fence.attempts
        }
        if attempts == 1 {
            logger.error("no response to the fence \(id) yet: \(trouble)")
        } else if attempts == Self.attemptLimit {
            logger.error("no response to the fence \(id), the fence alone stays: \(trouble)")
        }
    }

    /// Writes a new record, unless the fence has had this response, or another fence has it.
    private func begin(_ record: ResponseRecord) throws(ResponseError) {
        let known = state.withLock { $0.records?[record.key]?.state }
        guard known != .undoing else {
            throw .failed("an earlier response to \(record.name) is being undone")
        }
        // After a restart, one that is over must not begin again.
        guard known == nil, try !ledger.hasResponse(record) else { return }
        try write(record, record.state == .skipped ? .skip : .plan)
    }

    static func delay(after attempts: Int) -> Interval {
        min(.seconds(60), .seconds(1 << min(max(attempts - 1, 0), 6)))
    }
}
