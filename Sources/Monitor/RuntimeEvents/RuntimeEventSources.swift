internal import EventStore
internal import Glibc
internal import RuntimeEventFiles
internal import RuntimeEvents
internal import StatusReport
internal import SystemSupport
internal import Timestamps
internal import Workloads

/// The sources of runtime events, owned by the thread that reads them.
struct RuntimeEventSources {
    /// An engine reports a container a moment after its first process has begun.
    private static let patience = Interval.seconds(10)
    /// The most events that wait for their container.
    private static let mostWaiting = 1000
    /// Events that are older, or later than now by more, have no place in a time line.
    private static let oldest = RuntimeEventHistory.keepTime
    private static let latest = Interval.seconds(60)
    private static let savingInterval = Interval.seconds(10)

    /// What became of the events of one source.
    private struct Tally {
        var joined: UInt64 = 0
        var ofHost: UInt64 = 0
        var unknown: UInt64 = 0
        var ambiguous: UInt64 = 0
        var outOfTime: UInt64 = 0
    }

    private struct Waiting {
        var event: ReportedEvent
        var source: String
        var since: Instant
    }

    private let directory: String
    private let processes = ProcessTable()
    private var followers: [(name: String, follower: LogFollower)] = []
    private var sockets: [(name: String, socket: EventSocket)] = []
    private var api: (name: String, reader: RuntimeEventReader)?
    private var hasRequests = false
    private var tallies: [String: Tally] = [:]
    /// Events that were read and are not joined yet.
    private var new: [Waiting] = []
    private var waiting: [Waiting] = []
    private var index = ContainerIndex([])
    private var indexed: (version: Int, time: Instant)?
    private var notices: [String] = []
    private var troubles: [String: String] = [:]
    private var store: EventStore?
    private var saved: [String: LogFollower.Position] = [:]
    private var nextSaving = Clock.monotonic()

    init(directory: String) { self.directory = directory }

    // MARK: - Reading

    /// Follows these sources from now on; those that stay go on where they are.
    mutating func follow(_ entries: [RuntimeEventEntry]) {
        followers = entries.compactMap { entry in
            guard let path = entry.path else { return nil }
            let known = followers.first { $0.name == entry.name && $0.follower.path == path }
            let follower =
                known?.follower
                ?? LogFollower(
                    path: path, reader: RuntimeEventReader(), from: position(of: entry.name))
            follower.reader.rules = Self.rules(entry)
            return (entry.name, follower)
        }
        sockets = entries.compactMap { entry in
            guard let path = entry.socket else { return nil }
            // Those that are connected stay, also where the entry has another name by now.
            let known = sockets.first { $0.socket.path == path }?.socket
            let socket = known ?? EventSocket(path: path, reader: RuntimeEventReader())
            socket.reader.rules = Self.rules(entry)
            return (entry.name, socket)
        }
        let own = entries.first(where: \.isOfRequests)
        var reader = api?.reader ?? RuntimeEventReader()
        reader.rules = Self.rules(own ?? RuntimeEventEntry())
        api = (own?.name ?? RuntimeEventEntry.apiName, reader)
        hasRequests = hasRequests || own != nil
    }

    private static func rules(_ entry: RuntimeEventEntry) -> RuntimeEventRules {
        var rules = entry.rules
        rules.ownProcess = getpid()
        return rules
    }

    /// Takes in lines that came by HTTP.
    mutating func take(_ text: [UInt8]) {
        guard var own = api else { return }
        hasRequests = true
        // What a request has of an event of auditd is all of it.
        let events = own.reader.read(text: text[...]) + own.reader.finish()
        api = own
        queue(events, from: own.name)
    }

    /// Reads what is new in the files and sockets.
    mutating func read() {
        for (name, follower) in followers {
            // Records of auditd that were awaited for a period come no more.
            let events = follower.reader.finish() + follower.read()
            queue(events, from: name)
            note(follower.trouble, of: name, at: follower.path)
        }
        for (name, socket) in sockets {
            let events = socket.reader.finish() + socket.read()
            queue(events, from: name)
            note(socket.trouble, of: name, at: socket.path)
        }
    }

    private mutating func note(_ trouble: String?, of name: String, at path: String) {
        guard trouble != troubles[name] else { return }
        troubles[name] = trouble
        notices.append("\(name): \(trouble ?? "\(path) is read")")
    }

    private mutating func queue(_ events: [ReportedEvent], from source: String) {
        let now = Clock.monotonic()
        new += events.map { Waiting(event: $0, source: source, since: now) }
    }

    // MARK: - Joining

    /// Joins what was read to workloads.
    mutating func join(
        _ live: LiveWorkloads, now: Timestamp
    ) -> [(workload: String, source: String, event: RuntimeEvent)] {
        guard !new.isEmpty || !waiting.isEmpty else { return [] }
        let reached = Clock.monotonic()
        update(live, reached)
        var joined: [(workload: String, source: String, event: RuntimeEvent)] = []
        var rest: [Waiting] = []
        let found = new.compactMap { prepared($0, now) }
        new = []
        for item in found + waiting {
            switch index.workload(of: item.event, hasIdentifiers: live.directory.isLive) {
            case .workload(let name):
                tallies[item.source, default: Tally()].joined &+= 1
                joined.append((name, item.source, item.event.event))
            case .ambiguous: tallies[item.source, default: Tally()].ambiguous &+= 1
            case .unknown:
                let isOver = reached - item.since >= Self.patience
                if !isOver, rest.count < Self.mostWaiting, !item.event.places.isEmpty {
                    rest.append(item)
                } else {
                    tallies[item.source, default: Tally()].unknown &+= 1
                }
            }
        }
        waiting = rest
        return joined
    }

    /// Counts what is of another time or of the node itself, and looks up processes at once, since
    /// they soon end.
    private mutating func prepared(_ item: Waiting, _ now: Timestamp) -> Waiting? {
        let event = item.event.event
        guard event.time >= now - Self.oldest, event.time <= now + Self.latest else {
            tallies[item.source, default: Tally()].outOfTime &+= 1
            return nil
        }
        var item = item
        var isOfHost = item.event.isOfHost
        var places: [ReportedEvent.Place] = []
        for (number, place) in item.event.places.enumerated() {
            guard case .process(let process) = place else {
                places.append(place)
                continue
            }
            guard places.isEmpty, !isOfHost,
                let found = processes.places(of: process, at: event.time)
            else { continue }
            places = found
            // That its parent runs on the node says nothing about a process that is gone.
            isOfHost = found.isEmpty && number == 0
        }
        item.event.places = places
        guard !isOfHost else {
            tallies[item.source, default: Tally()].ofHost &+= 1
            return nil
        }
        return item
    }

    /// Makes the index again where containers have come or gone, at most once a second.
    private mutating func update(_ live: LiveWorkloads, _ now: Instant) {
        let version = live.directory.version
        if let indexed, indexed.version == version || now - indexed.time < .seconds(1) { return }
        indexed = (version, now)
        index = live.containerIndex
    }

    // MARK: - State

    /// Lines for the log since the last call.
    mutating func takeNotices() -> [String] {
        defer { notices = [] }
        return notices
    }

    func status(refused: UInt64) -> [MonitorStatus.RuntimeSource] {
        var sources = followers.map { name, follower in
            source(name, follower.reader.counts, trouble: follower.trouble)
        }
        for (name, socket) in sockets {
            var own = source(name, socket.reader.counts, trouble: socket.trouble)
            own.refused = socket.refused
            sources.append(own)
        }
        if let api, hasRequests {
            var own = source(api.name, api.reader.counts, trouble: nil)
            own.refused = refused
            sources.append(own)
        }
        return sources
    }

    private func source(
        _ name: String, _ counts: RuntimeEventCounts, trouble: String?
    ) -> MonitorStatus.RuntimeSource {
        let tally = tallies[name] ?? Tally()
        var source = MonitorStatus.RuntimeSource(name: name)
        source.lines = counts.lines
        source.malformed = counts.malformed
        source.oversized = counts.oversized
        source.foreign = counts.foreign
        source.below = counts.below
        source.joined = tally.joined
        source.ofHost = tally.ofHost
        source.unknown = tally.unknown
        source.ambiguous = tally.ambiguous
        source.outOfTime = tally.outOfTime
        source.trouble = trouble
        return source
    }

    // MARK: - Positions

    private static func setting(_ name: String) -> String { "runtime events of \(name)" }

    private mutating func position(of name: String) -> LogFollower.Position? {
        guard let store = opened() else { return nil }
        let text = try? store.setting(Self.setting(name))
        return text.flatMap { LogFollower.Position($0) }
    }

    /// A connection of its own: a fence waits for a single write of it at most.
    private mutating func opened() -> EventStore? {
        if store == nil { store = try? EventStore(directory: directory) }
        return store
    }

    /// Writes down how far the files were read, so that a restart loses nothing.
    mutating func keepPositions(isLast: Bool) {
        let now = Clock.monotonic()
        guard isLast || now >= nextSaving, !followers.isEmpty else { return }
        nextSaving = now + Self.savingInterval
        for (name, follower) in followers {
            guard let position = follower.position, saved[name] != position else { continue }
            do throws(EventStoreError) {
                try opened()?.set(Self.setting(name), to: "\(position)")
                saved[name] = position
            } catch {
                notices.append("\(name): where reading goes on is not written down: \(error)")
                return
            }
        }
    }
}
