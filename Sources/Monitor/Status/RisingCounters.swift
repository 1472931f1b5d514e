import StatusReport

/// Keeps the counters of a status from falling where a part that counts is replaced: a capture
/// whose interfaces change, a meter after a step of the clock, a sink with other options.
struct RisingCounters {
    private struct Counter {
        /// The sum of the parts that have been replaced.
        var base: UInt64 = 0
        var last: UInt64 = 0

        mutating func total(_ value: UInt64) -> UInt64 {
            if value < last { base &+= last }
            last = value
            return base &+ value
        }
    }

    private typealias Paths<Group> = [any WritableKeyPath<Group, UInt64> & Sendable]

    private static let capture: Paths<MonitorStatus.Capture> = [
        \.kernelPackets, \.kernelDrops, \.interfaceDrops, \.reopened, \.duplicates, \.overflowed,
    ]
    private static let decoder: Paths<MonitorStatus.Decoder> = [
        \.frames, \.wireBytes, \.ipv4, \.ipv6, \.arp, \.notIp, \.fragments, \.tunnelled, \.dns,
    ]
    /// Not the flows that are active, and the most of them: these are no counters.
    private static let flow: Paths<MonitorStatus.Flow> = [
        \.metered, \.arp, \.notIp, \.orphanFragments, \.timeBackwards, \.flowsStarted, \.endedIdle,
        \.endedActive, \.endedByClose, \.endedForced, \.evicted, \.lostRecords,
    ]

    private var counters: [String: Counter] = [:]

    /// Replaces the counts of the present parts by those since the start.
    mutating func apply(to status: inout MonitorStatus) {
        raise(&status.capture, Self.capture, "capture")
        raise(&status.decoder, Self.decoder, "decoder")
        raise(&status.flow, Self.flow, "flow")
        for (kind, count) in status.malformed {
            status.malformed[kind] = total("malformed \(kind)", count)
        }
        status.hostsDropped = total("hosts", status.hostsDropped)
        status.windows = total("windows", status.windows)
        status.windowsScored = total("scored", status.windowsScored)
        status.windowsUnscored = total("unscored", status.windowsUnscored)
        for index in status.scores.indices {
            status.scores[index] = total("score \(index)", status.scores[index])
        }
    }

    /// The same for a sink, by its name.
    mutating func apply(to sink: inout MonitorStatus.Sink) {
        sink.written = total("written \(sink.name)", sink.written)
        sink.lost = total("lost \(sink.name)", sink.lost)
    }

    private mutating func raise<Group>(
        _ group: inout Group, _ paths: Paths<Group>, _ name: String
    ) {
        for (index, path) in paths.enumerated() {
            group[keyPath: path] = total("\(name) \(index)", group[keyPath: path])
        }
    }

    private mutating func total(_ name: String, _ value: UInt64) -> UInt64 {
        counters[name, default: Counter()].total(value)
    }

    private mutating func total(_ name: String, _ value: Int) -> Int {
        Int(clamping: total(name, UInt64(clamping: value)))
    }
}
