internal import Synchronization

/// What has become of the responses of one action: since the start, and at the moment.
public struct ResponseCounts: Sendable, Equatable {
    /// The action as in the configuration; `other` for those that this program does not know.
    public var action: String
    /// Responses that came into effect, also those that had to be applied again.
    public var applied: UInt64 = 0
    /// Responses that were given up.
    public var failed: UInt64 = 0
    /// Attempts that failed and are made again.
    public var retried: UInt64 = 0
    public var undone: UInt64 = 0
    /// Responses that were not begun, such as those of protected hosts.
    public var skipped: UInt64 = 0
    /// Responses that were left as somebody else had changed them.
    public var left: UInt64 = 0
    /// Responses that are, or may be, in effect.
    public var standing = 0
    /// Responses that are to begin.
    public var waiting = 0

    init(action: String) { self.action = action }

    /// The action's name, or `other`: the ledger may have others, of a newer program.
    static func name(of action: String) -> String {
        ResponseEntry.Action(rawValue: action)?.rawValue ?? "other"
    }

    mutating func count(_ step: ResponseStep) {
        switch step {
        case .verify, .renew: applied &+= 1
        case .fail: failed &+= 1
        case .undone: undone &+= 1
        case .skip: skipped &+= 1
        case .leave: left &+= 1
        case .plan, .prepare, .apply, .undo: break
        }
    }
}

extension ResponseEngine {
    /// The counts of each action that is, or was, configured or in the ledger, by name. They never
    /// fall, also when other entries are used.
    public var counts: [ResponseCounts] {
        state.withLock { state in
            var all = state.counts
            for record in (state.records ?? [:]).values {
                let action = ResponseCounts.name(of: record.action)
                var counts = all[action] ?? ResponseCounts(action: action)
                if record.state == .waiting { counts.waiting += 1 }
                if record.state.isUsed { counts.standing += 1 }
                all[action] = counts
            }
            return all.values.sorted { $0.action < $1.action }
        }
    }
}

extension ResponseEngine.State {
    /// Changes the counts of an action.
    mutating func count(_ action: String, _ change: (inout ResponseCounts) -> Void) {
        let name = ResponseCounts.name(of: action)
        change(&counts[name, default: ResponseCounts(action: name)])
    }

    /// Lists the actions of the entries, before anything has happened.
    mutating func listActions() {
        for entry in entries { count(entry.action.rawValue) { _ in } }
    }
}
