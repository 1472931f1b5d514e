package import Quarantine
package import Timestamps

extension QuarantineEngine where Actuator: ~Copyable {
    /// Moves the ends of all rules along if the clock was set since they were stored; the kernel,
    /// which counts time that passes, is not changed.
    ///
    /// How far it was set follows from a note in the ledger, which is written with the ends: they
    /// are moved once, by whichever process comes first.
    ///
    /// - Parameters:
    ///   - start: when the machine started, as the clock has it now.
    ///   - noticed: how far this process saw the clock being set; counts while the
    ///     ledger cannot be read.
    package mutating func followClock(
        startedAt start: Timestamp, noticing noticed: Interval = .zero, now: Timestamp,
        actor: String
    ) throws(QuarantineError) {
        let access = try open(isUrgent: true)
        defer { close(access) }
        let now = now + access.waited
        let note = ClockNote(startedAt: start)
        let before = rules.moved(by: noticed)
        var step = noticed
        var others: [QuarantineRule] = []
        var isNoted = false
        do throws(QuarantineError) {
            others = try replaceRules()
            var stored = pendingWrites.notes[ClockNote.name]
            if stored == nil { stored = try ledger.note(ClockNote.name) }
            if let earlier = stored.flatMap(ClockNote.init) {
                let found = note.step(since: earlier)
                isNoted = found == .zero
                step = found ?? .zero
            }
        } catch {
            // The step comes once only: what is known is moved.
            guard defersWrites else { throw error }
        }
        let mine = rules.moved(by: step)
        if !isNoted {
            var moved = step == .zero ? [] : Array(mine.values)
            if step != .zero { moved += others.map { $0.moved(by: step) } }
            let entry = AuditEntry(
                time: now, actor: actor, action: "clock", subject: "\(moved.count) fences",
                detail: "the clock was set by \(step.wholeSeconds) s; their ends with it")
            try record(
                moved, moved.isEmpty ? [] : [entry], notes: [ClockNote.name: note.text],
                isUrgent: true, access)
        }
        rules = mine
        if hasStarted { foreign += noteChanges(since: before, now: now) }
    }
}
