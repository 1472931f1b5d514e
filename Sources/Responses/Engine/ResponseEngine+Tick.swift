internal import Logging
internal import Quarantine
internal import Synchronization
internal import Timestamps

extension ResponseEngine {
    /// Compares the active rules with the ledger, and starts the steps that are due.
    func tick() {
        guard load(), let situation = situation() else { return }
        let now = Clock.monotonic()
        let fences = Self.fences(in: situation.rules)
        let due = state.withLock { state -> [(ResponseRecord, Step)] in
            note(fences, now, &state)
            return steps(fences, situation, now, &state)
        }
        for (record, step) in due {
            run { [self] in
                await take(step, record, situation)
                free(record)
                state.withLock { _ = $0.busy.remove(record.key) }
            }
        }
        lookUp(fences, situation, now)
    }

    /// What is to be done about a record.
    enum Step: Sendable, Equatable {
        /// Begin or continue it; the evidence is as old as this.
        case apply(evidence: Timestamp)
        case check
        case undo
        /// Nothing was done, and nothing will be.
        case skip(String)
    }

    /// Reads the open records once.
    private func load() -> Bool {
        if state.withLock({ $0.records != nil }) { return true }
        do throws(ResponseError) {
            let open = try ledger.openResponses()
            state.withLock { state in
                state.records = Dictionary(
                    open.map { ($0.key, $0) }, uniquingKeysWith: { $1 })
            }
            return true
        } catch {
            let isFirst = state.withLock { state in
                defer { state.isShut = true }
                return !state.isShut
            }
            if isFirst { logger.error("no response is begun or undone: \(error)") }
            return false
        }
    }

    /// The rules that block their targets, by identifier. A rule that only counts or limits is no
    /// reason for a response.
    static func fences(in rules: [QuarantineRule]) -> [String: [QuarantineRule]] {
        var fences: [String: [QuarantineRule]] = [:]
        for rule in rules
        where !rule.isDryRun && rule.state == .active
            && (rule.action == .drop || rule.action == .egress)
        {
            fences[rule.id, default: []].append(rule)
        }
        return fences
    }

    /// Notes new fences, forgets those that have ended, and notes newer evidence.
    private func note(
        _ fences: [String: [QuarantineRule]], _ now: Instant, _ state: inout State
    ) {
        let time = clock()
        for (id, rules) in fences where state.fences[id] == nil {
            let created = rules.map(\.created).min() ?? time
            state.fences[id] = SeenFence(
                age: max(.zero, time - created), seen: now, evidence: created, due: now)
        }
        for id in state.fences.keys where fences[id] == nil { state.fences[id] = nil }
    }

    private func steps(
        _ fences: [String: [QuarantineRule]], _ situation: ResponseSituation, _ now: Instant,
        _ state: inout State
    ) -> [(ResponseRecord, Step)] {
        var due: [(ResponseRecord, Step)] = []
        let names = Dictionary(
            state.entries.enumerated().map { ($1.name, $0) },
            uniquingKeysWith: { first, _ in first })
        let records = (state.records ?? [:]).values.sorted {
            ($0.created, names[$0.entry] ?? .max, $0.entry) < (
                $1.created, names[$1.entry] ?? .max, $1.entry
            )
        }
        for var record in records {
            guard mayBegin(record, state), !state.busy.contains(record.key),
                state.objects[record.object] == nil,
                state.pauses[record.key].map({ $0.due <= now }) ?? true
            else { continue }
            let isLive = follow(&record, fences, &state)
            let entry = names[record.entry].map { state.entries[$0] }
            guard let step = step(record, isLive: isLive, entry, situation, now, state) else {
                continue
            }
            if step == .undo, !mayUndo(record, fences, state) { continue }
            state.busy.insert(record.key)
            state.objects[record.object] = record.key
            due.append((record, step))
        }
        return due
    }

    /// Whether another step of this kind may be in progress: slow answers from elsewhere do not
    /// delay containers.
    private func mayBegin(_ record: ResponseRecord, _ state: State) -> Bool {
        let lane = ResponseEntry.Action(rawValue: record.action)?.lane
        return state.busy.count { key in
            (state.records?[key]).map {
                ResponseEntry.Action(rawValue: $0.action)?.lane == lane
            } ?? true
        } < Self.stepLimit
    }

    /// Lets other steps of the record's object begin.
    func free(_ record: ResponseRecord) {
        state.withLock { state in
            if state.objects[record.object] == record.key { state.objects[record.object] = nil }
        }
    }

    /// Whether the record's fence is active. If it has ended and another fence is on the same
    /// container, the record belongs to that one from now on.
    private func follow(
        _ record: inout ResponseRecord, _ fences: [String: [QuarantineRule]], _ state: inout State
    ) -> Bool {
        if let rules = fences[record.ruleID] {
            if let last = rules.map(\.expires).max(), last != record.expires {
                record.expires = last
                state.records?[record.key]?.expires = last
            }
            return true
        }
        guard record.state != .undoing,
            let other = state.fences.first(where: {
                $0.value.objects?.contains(record.object) ?? false
            })?.key
        else { return false }
        record.ruleID = other
        state.records?[record.key]?.ruleID = other
        return true
    }

    private func step(
        _ record: ResponseRecord, isLive: Bool, _ entry: ResponseEntry?,
        _ situation: ResponseSituation, _ now: Instant, _ state: State
    ) -> Step? {
        switch record.state {
        case .waiting:
            guard isLive else { return .skip("the fence ended before it was due") }
            guard let entry, entry.action.rawValue == record.action else {
                return .skip("the configuration has no such entry any more")
            }
            guard let fence = state.fences[record.ruleID], situation.isActing,
                fence.age(at: now) >= entry.delay
            else { return nil }
            let used = (state.records ?? [:]).values.count {
                $0.entry == record.entry && $0.state.isUsed
            }
            let begun = state.busy.count { key in
                key.entry == record.entry && state.records?[key]?.state == .waiting
            }
            guard used + begun < entry.limit else {
                return .skip("it is in effect for \(entry.limit) others already ('most')")
            }
            return .apply(evidence: fence.evidence)
        case .prepared, .applied:
            return isLive ? .apply(evidence: .distantPast) : .undo
        case .verified:
            guard isLive else { return .undo }
            let last = clock() - record.changed
            let isDue = state.pauses[record.key] != nil || last.magnitude >= Self.checkInterval
            return isDue ? .check : nil
        case .undoing: return .undo
        case .undone, .failed, .skipped, .left: return nil
        }
    }

    /// Whether no other response of the same container has to be undone before.
    private func mayUndo(
        _ record: ResponseRecord, _ fences: [String: [QuarantineRule]], _ state: State
    ) -> Bool {
        let order = ResponseEntry.Action(rawValue: record.action)?.undoOrder ?? .max
        return !(state.records ?? [:]).values.contains { other in
            other.object == record.object && other.key != record.key && other.state.isUsed
                && (fences[other.ruleID] == nil || other.state == .undoing)
                && (ResponseEntry.Action(rawValue: other.action)?.undoOrder ?? .max) < order
                // One that fails does not keep the others in effect for ever.
                && (state.pauses[other.key]?.attempts ?? 0) < 3
        }
    }
}
