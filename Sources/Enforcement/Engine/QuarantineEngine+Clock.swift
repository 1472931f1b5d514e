package import Quarantine
package import Timestamps

extension QuarantineEngine where Actuator: ~Copyable {
    /// Moves the expiries of all rules if the clock was set since they were stored. The kernel
    /// counts elapsed time and is not changed.
    ///
    /// The step follows from a note in the ledger, which is written in the same transaction as the
    /// expiries: they are moved once, by the first process that notices.
    ///
    /// - Parameters:
    ///   - start: when the machine started, by the current clock.
    ///   - noticed: the step that this process has detected; used while the ledger cannot be read.
    package mutating func followClock(
        startedAt start: Timestamp, noticing noticed: Interval = .zero, now: Timestamp,
        actor: String
    ) throws(QuarantineError) {
        let access = try open(isUrgent: true)
        defer { close(access) }
        let note = ClockNote(startedAt: start)
        var step = noticed
        var isNoted = false
        do throws(QuarantineError) {
            if let earlier = try clockNote().flatMap(ClockNote.init) {
                step = note.step(since: earlier) ?? .zero
                isNoted = note.step(since: earlier) == .zero
            }
        } catch {
            guard defersWrites else { throw error }
        }
        if noticed == .zero, step == .zero {
            if !isNoted {
                try record(
                    [], [], notes: [ClockNote.name: note.text], isUrgent: true, access)
            }
            return
        }
        let before = rules.moved(by: noticed)
        var moved = before
        var others: [QuarantineRule] = []
        do throws(QuarantineError) {
            others = try replaceRules().map { $0.moved(by: step) }
            moved = rules.moved(by: step)
        } catch {
            // The step is reported only once, so the known rules are moved now.
            guard defersWrites else { throw error }
        }
        if !isNoted {
            let all = step == .zero ? [] : Array(moved.values) + others
            let entry = AuditEntry(
                time: now + access.waited, actor: actor, action: "clock",
                subject: "\(all.count) fences",
                detail: "the clock was set by \(step.wholeSeconds) s; their ends with it")
            try record(
                all, all.isEmpty ? [] : [entry], notes: [ClockNote.name: note.text],
                isUrgent: true, access)
        }
        rules = moved
        if hasStarted { foreign += noteChanges(since: before, now: now + access.waited) }
    }

    private func clockNote() throws(QuarantineError) -> String? {
        if let pending = pendingWrites.notes[ClockNote.name] { return pending }
        return try ledger.note(ClockNote.name)
    }
}
