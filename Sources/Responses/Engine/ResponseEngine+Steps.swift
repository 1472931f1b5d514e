internal import Logging
internal import Quarantine
internal import Synchronization
internal import Timestamps

/// The steps of one response, each written to the ledger before it is taken.
extension ResponseEngine {
    func take(_ step: Step, _ record: ResponseRecord, _ situation: ResponseSituation) async {
        var record = record
        do throws(ResponseError) {
            switch step {
            case .skip(let why): try settle(&record, .skipped, why)
            case .apply(let evidence): try await apply(&record, evidence, situation)
            case .check: try await check(&record)
            case .undo: try await undo(&record)
            }
            state.withLock { $0.pauses[record.key] = nil }
        } catch {
            fail(&record, step, error)
        }
    }

    private func apply(
        _ record: inout ResponseRecord, _ evidence: Timestamp, _ situation: ResponseSituation
    ) async throws(ResponseError) {
        let action = try action(record)
        if record.state == .waiting {
            let rails = ResponseRails(
                evidence: evidence, protected: situation.protected,
                allowlist: situation.allowlist, now: clock(), isPausedHere: isPaused(record.object))
            let undo = try await action.prepare(record, rails)
            try store(&record, .prepared, undo: undo, .prepare, "")
        }
        // Nothing else waits for an image of the container.
        if record.action == ResponseEntry.Action.evidence.rawValue { free(record) }
        if record.state == .prepared {
            let undo = try await action.apply(record)
            try store(&record, .applied, undo: undo, .apply, "")
        }
        guard try await action.effect(of: record) == .whole else {
            record.state = .prepared
            throw .failed("it was applied and is not in effect")
        }
        let remark = await action.remark(on: record).map { "in effect; \($0)" } ?? "in effect"
        try store(&record, .verified, .verify, remark)
        logger.notice("\(Self.words(record)): \(remark)")
    }

    /// Whether a response of this program has paused the container.
    private func isPaused(_ object: String) -> Bool {
        state.withLock { state in
            (state.records ?? [:]).values.contains {
                $0.object == object && $0.state.isUsed
                    && $0.action == ResponseEntry.Action.pause.rawValue
            }
        }
    }

    /// Verifies a response that was in effect.
    private func check(_ record: inout ResponseRecord) async throws(ResponseError) {
        let action = try action(record)
        switch try await action.effect(of: record) {
        case .whole, .part:
            record.changed = clock()
            keep(record)
        case .none where action.isRenewed:
            let undo = try await action.apply(record)
            guard try await action.effect(of: record) == .whole else {
                throw .failed("it is not in effect any more, and cannot be applied again")
            }
            try store(
                &record, .verified, undo: undo, .renew, "it was not in effect any more")
        case .none:
            throw .changed("it is not in effect any more: somebody else has changed it")
        }
    }

    private func undo(_ record: inout ResponseRecord) async throws(ResponseError) {
        let action = try action(record)
        let isRepeated = record.state == .undoing
        if !isRepeated {
            // What cannot be written is undone nevertheless: doing it twice does no harm.
            try? store(&record, .undoing, .undo, "")
            record.state = .undoing
        }
        var note: String?
        do throws(ResponseError) { note = try await action.undo(record) } catch {
            // An earlier attempt may have undone it, before its answer was lost or the program
            // was killed.
            guard isRepeated, case .changed(let why) = error,
                case .none? = try? await action.effect(of: record)
            else { throw error }
            note = why
        }
        let failure = Self.failure(in: record.detail)
        try settle(
            &record, failure == nil ? .undone : .failed,
            [failure, note].compactMap { $0 }.joined(separator: "; "))
    }

    /// The mark of a response that is undone because it failed.
    private static let mark = "failed: "

    private static func failure(in detail: String) -> String? {
        detail.hasPrefix(mark) ? detail : nil
    }

    /// Decides what follows from an error.
    private func fail(_ record: inout ResponseRecord, _ step: Step, _ error: ResponseError) {
        do throws(ResponseError) {
            switch error {
            case .notNeeded(let why): try settle(&record, .skipped, why)
            case .changed where Self.failure(in: record.detail) != nil:
                try settle(&record, .failed, record.detail)
            case .changed(let why): try settle(&record, .left, why)
            case .gone(let why):
                let end: ResponseRecord.State = record.state == .waiting ? .skipped : .undone
                try settle(&record, end, "it is gone: \(why)")
            case .failed, .ledger: throw error
            }
            state.withLock { $0.pauses[record.key] = nil }
        } catch {
            postpone(&record, step, "\(error)")
        }
    }

    /// Tries again later; an attempt to apply is not repeated for ever.
    private func postpone(_ record: inout ResponseRecord, _ step: Step, _ trouble: String) {
        let (attempts, isNews) = state.withLock { state -> (Int, Bool) in
            var pause = state.pauses[record.key] ?? Pause(due: Clock.monotonic())
            pause.attempts += 1
            pause.due = Clock.monotonic() + Self.delay(after: pause.attempts)
            defer {
                pause.trouble = trouble
                state.pauses[record.key] = pause
            }
            state.count(record.action) { $0.retried &+= 1 }
            return (pause.attempts, pause.trouble != trouble)
        }
        if isNews { logger.error("\(Self.words(record)): \(trouble); it is tried again") }
        if case .apply = step, attempts >= Self.attemptLimit {
            giveUp(&record, trouble)
        } else {
            keep(record)
        }
    }

    /// Ends the attempts to apply a response. A part of it may be in effect, so it is undone.
    private func giveUp(_ record: inout ResponseRecord, _ trouble: String) {
        state.withLock { state in
            state.pauses[record.key] = Pause(due: Clock.monotonic() + Self.delay(after: 1))
        }
        logger.error("\(Self.words(record)): given up; the fence alone stays")
        guard record.state != .waiting else {
            // Without a ledger it is tried again from the start.
            try? settle(&record, .failed, Self.mark + trouble)
            return
        }
        try? store(&record, .undoing, .undo, Self.mark + trouble)
        record.state = .undoing
        record.detail = Self.mark + trouble
        keep(record)
    }

    // MARK: - Ledger

    /// Ends a record.
    private func settle(
        _ record: inout ResponseRecord, _ end: ResponseRecord.State, _ why: String
    ) throws(ResponseError) {
        let step: ResponseStep =
            switch end {
            case .undone: .undone
            case .skipped: .skip
            case .left: .leave
            case .failed, .waiting, .prepared, .applied, .verified, .undoing: .fail
            }
        try store(&record, end, step, why)
        let line = "\(Self.words(record)): \(end.rawValue)\(why.isEmpty ? "" : ": \(why)")"
        logger.log(level: end == .undone ? .notice : .warning, "\(line)")
    }

    /// Writes the record's next state, with an audit entry. The record changes if that succeeds.
    private func store(
        _ record: inout ResponseRecord, _ next: ResponseRecord.State, undo: String? = nil,
        _ step: ResponseStep, _ detail: String
    ) throws(ResponseError) {
        var changed = record
        changed.state = next
        changed.undo = undo ?? record.undo
        changed.changed = clock()
        changed.detail = detail
        try write(changed, step)
        record = changed
    }

    /// Remembers the state without writing it.
    private func keep(_ record: ResponseRecord) {
        state.withLock { state in
            state.records?[record.key] = record.state.isOver ? nil : record
        }
    }

    func write(_ record: ResponseRecord, _ step: ResponseStep) throws(ResponseError) {
        var detail = "\(record.entry): \(record.action) of \(record.name)"
        if record.object != record.target { detail += " (\(record.object.prefix(12)))" }
        if !record.detail.isEmpty { detail += "; \(record.detail)" }
        detail += "; \(record.ruleID)"
        if !record.eventID.isEmpty { detail += "; event \(record.eventID)" }
        let entry = AuditEntry(
            time: record.changed, actor: "lazaret", action: "response \(step.rawValue)",
            subject: record.target, detail: detail)
        try ledger.write(record, [entry])
        keep(record)
        state.withLock { state in state.count(record.action) { $0.count(step) } }
        listener.withLock { $0 }?(record, step)
    }

    /// A response in a log line.
    static func words(_ record: ResponseRecord) -> String {
        "response '\(record.entry)' (\(record.action) of \(record.name), \(record.target))"
    }

    /// - Throws: `.changed` for an action that this program does not know.
    private func action(_ record: ResponseRecord) throws(ResponseError) -> any ResponseAction {
        guard let kind = ResponseEntry.Action(rawValue: record.action) else {
            throw .changed("this program has no response '\(record.action)'")
        }
        let known = state.withLock { state in
            state.entries.first { $0.name == record.entry && $0.action == kind }
        }
        // What undo needs is in the ledger.
        return try (known ?? ResponseEntry(kind)).steps(
            cluster: cluster, evidence: evidenceFolder, clock: clock)
    }
}
