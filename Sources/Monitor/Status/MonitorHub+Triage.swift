internal import AnomalyDetection
import AnomalyModel
public import EventStore
internal import Events
public import ModelFiles
internal import Quarantine
internal import Synchronization
internal import Timestamps

extension MonitorHub {
    /// Why a triage or a mute was refused.
    public enum TriageError: Error, Sendable, CustomStringConvertible {
        case notRunning
        case noSuchIncident(String)
        case noSuchMute(Int64)
        case noSuchAlert(String)
        /// There are too many mutes.
        case full
        /// The feedback on the incident's alert cannot be recorded.
        case feedback(String)
        /// The same, where no state was to be set.
        case unrecorded(String)
        case store(EventStoreError)

        public var description: String {
            switch self {
            case .notRunning: "the monitor is not running"
            case .noSuchIncident(let id): "no incident begins with event \(id)"
            case .noSuchMute(let number): "there is no mute \(number)"
            case .noSuchAlert(let id): "no alert \(id); it may be older than what is kept"
            case .full: "there are \(EventStore.muteLimit) mutes, which is the limit; end some"
            case .feedback(let why): "the feedback is not recorded, nor the state: \(why)"
            case .unrecorded(let why): "the feedback is not recorded: \(why)"
            case .store(let error): "\(error)"
            }
        }
    }

    /// Triage is changed by one caller at a time, since feedback rewrites a file.
    private static let turn = Mutex(())

    /// Sets the state of an incident. `benign` is also feedback on all that it reached, `malicious`
    /// on its first alert, which is used at once; `new` and `acknowledged` withdraw feedback, and
    /// `closed` leaves it.
    ///
    /// - Parameter comment: nil: an earlier one stays.
    /// - Returns: what is said of the incident now, whether feedback was withdrawn, and what is
    ///   ordinary from now on.
    public func triage(
        _ incident: String, _ state: Triage.State, comment: String?, actor: String
    ) throws(TriageError) -> (
        triage: Triage, withdrawsFeedback: Bool, effect: FeedbackEffect?
    ) {
        guard let store else { throw .notRunning }
        do {
            return try Self.turn.withLock { _ in
                guard try isKnown(incident, store) else {
                    throw TriageError.noSuchIncident(incident)
                }
                let before = try store.triage(of: [incident])[incident]
                let change = try feedbackChange(incident, state, store, actor)
                let triage = Triage(
                    state, comment: comment ?? before?.comment ?? "", actor: actor,
                    time: Clock.now())
                // First the state and the audit trail: feedback that they lack is not used.
                try store.record(triage, of: incident)
                noteIncidentChange()
                guard let change else { return (triage, false, nil) }
                let effect: FeedbackEffect?
                do { effect = try change() } catch {
                    let earlier =
                        before ?? Triage(.new, comment: "", actor: actor, time: Clock.now())
                    try? store.record(earlier, of: incident)
                    throw error
                }
                requestReload()
                return (triage, state == .new || state == .acknowledged, effect)
            }
        } catch let error as TriageError { throw error } catch let error as EventStoreError {
            throw .store(error)
        } catch { throw .feedback("\(error)") }
    }

    private func isKnown(_ incident: String, _ store: EventStore) throws -> Bool {
        try stored(incident, store) != nil
    }

    /// The newest version of an incident.
    private func stored(_ incident: String, _ store: EventStore) throws -> StoredIncident? {
        try incidents.first { $0.id == incident } ?? store.incident(id: incident)
    }

    /// Adds feedback: *benign* on all that the incident reached which begins with the alert,
    /// otherwise on the alert.
    private func add(
        _ judgement: Feedback.Judgement, on id: String, _ line: String, _ store: EventStore,
        model: String
    ) throws -> FeedbackEffect? {
        if judgement == .benign, let found = try stored(id, store), let summary = found.summary,
            summary.peaks != nil
        {
            return try FeedbackFile.add(benign: summary, model: model)
        }
        let said = try FeedbackFile.add(
            id, judgement, source: EVEReader(lines: [line], name: "the store"), model: model)
        return judgement == .benign ? FeedbackEffect([said]) : nil
    }

    /// How a state changes the feedback on the incident's alert; nil: not at all.
    private func feedbackChange(
        _ incident: String, _ state: Triage.State, _ store: EventStore, _ actor: String
    ) throws -> (() throws -> FeedbackEffect?)? {
        switch state {
        case .closed: return nil
        case .benign, .malicious:
            guard let model = modelPath else { throw TriageError.feedback("there is no model") }
            guard let event = try store.event(id: incident) else {
                throw TriageError.feedback("the alert \(incident) is not stored (yet)")
            }
            return {
                let (word, judgement): (FeedbackWord, Feedback.Judgement) =
                    state == .benign ? (.benign, .benign) : (.malicious, .malicious)
                try Self.record(word.rawValue, on: incident, by: actor, store)
                do {
                    return try self.add(
                        judgement, on: incident, event.line, store, model: model)
                } catch {
                    try? Self.record(
                        "\(word.rawValue): failed: \(error)", on: incident, by: actor, store)
                    throw error
                }
            }
        case .new, .acknowledged:
            // It may have been given before the incident was closed, or by command.
            guard let model = modelPath, try FeedbackFile.contains(incident, model: model) else {
                return nil
            }
            return {
                let word = "\(FeedbackWord.withdrawn.rawValue): the incident is \(state.rawValue)"
                try Self.record(word, on: incident, by: actor, store)
                try FeedbackFile.withdraw(incident, model: model)
                return nil
            }
        }
    }

    /// What an operator says of an alert.
    public enum FeedbackWord: String, CaseIterable, Sendable {
        case benign, malicious
        /// Earlier feedback does not hold any more.
        case withdrawn
    }

    /// Records feedback on an alert, with an entry in the audit trail, and uses it at once.
    ///
    /// An incident whose first alert it is gets the state that agrees, and keeps its comment.
    ///
    /// - Returns: what is ordinary from now on; nil unless it is benign.
    public func judge(
        alert id: String, _ word: FeedbackWord, actor: String
    ) throws(TriageError) -> FeedbackEffect? {
        guard let store else { throw .notRunning }
        let judgement = Feedback.Judgement(rawValue: word.rawValue)
        let effect: FeedbackEffect?
        do {
            effect = try Self.turn.withLock { _ in
                guard let model = modelPath else { throw TriageError.unrecorded("no model") }
                let event = try judgement.map { _ in
                    guard let event = try store.event(id: id),
                        event.kind == Event.Kind.alert.rawValue
                    else { throw TriageError.noSuchAlert(id) }
                    return event
                }
                // First the audit trail: feedback that it lacks is not used.
                try Self.record(word.rawValue, on: id, by: actor, store)
                let before = try agree(id, word, actor, store)
                do {
                    if let judgement, let event {
                        return try add(judgement, on: id, event.line, store, model: model)
                    }
                    try FeedbackFile.withdraw(id, model: model)
                    return nil
                } catch {
                    if let before { try? store.record(before, of: id) }
                    try? Self.record("\(word.rawValue): failed: \(error)", on: id, by: actor, store)
                    throw error
                }
            }
        } catch let error as TriageError { throw error } catch let error as EventStoreError {
            throw .store(error)
        } catch { throw .unrecorded("\(error)") }
        requestReload()
        return effect
    }

    /// Sets the state of an incident to what the feedback on its first alert says. Feedback that is
    /// withdrawn leaves the incident acknowledged, and one that is closed as it is.
    ///
    /// - Returns: what was said of the incident before; nil if nothing has changed.
    private func agree(
        _ id: String, _ word: FeedbackWord, _ actor: String, _ store: EventStore
    ) throws -> Triage? {
        guard try isKnown(id, store) else { return nil }
        let now = Clock.now()
        let before =
            try store.triage(of: [id])[id] ?? Triage(.new, comment: "", actor: actor, time: now)
        let state: Triage.State =
            switch word {
            case .benign: .benign
            case .malicious: .malicious
            case .withdrawn where [.benign, .malicious].contains(before.state): .acknowledged
            case .withdrawn: before.state
            }
        guard state != before.state else { return nil }
        try store.record(Triage(state, comment: before.comment, actor: actor, time: now), of: id)
        noteIncidentChange()
        return before
    }

    private static func record(
        _ detail: String, on alert: String, by actor: String, _ store: EventStore
    ) throws(QuarantineError) {
        let entry = AuditEntry(
            time: Clock.now(), actor: actor, action: "feedback", subject: alert, detail: detail)
        try store.write([], [entry], notes: [:])
    }

    /// What operators have said of incidents.
    public func triage(of incidents: [String]) throws(EventStoreError) -> [String: Triage] {
        try store?.triage(of: incidents) ?? [:]
    }

    /// The active mutes.
    public func activeMutes() throws(TriageError) -> [Mute] {
        guard let store else { throw .notRunning }
        do { return try store.mutes(at: Clock.now()) } catch { throw .store(error) }
    }

    /// Adds a mute.
    ///
    /// - Returns: the mute with its number.
    public func add(_ mute: Mute) throws(TriageError) -> Mute {
        guard let store else { throw .notRunning }
        let added: Mute?
        do { added = try store.add(mute) } catch { throw .store(error) }
        guard let added else { throw .full }
        mutes.add(added, now: added.created)
        return added
    }

    /// Ends a mute.
    public func endMute(_ number: Int64, actor: String) throws(TriageError) {
        guard let store else { throw .notRunning }
        let isEnded: Bool
        do { isEnded = try store.endMute(number, actor: actor, now: Clock.now()) } catch {
            throw .store(error)
        }
        guard isEnded else { throw .noSuchMute(number) }
        mutes.end(number)
    }
}
