import BaselineGraph
import Events
import FeatureExtraction
import FlowMetering
import NetworkAddresses
import PacketCapture
import PacketDecoding
import PacketIntake
import SystemSupport
import TextFormats
import Workloads
import Timestamps

/// The flows that an offender initiated in a time range: all are counted, and the most significant
/// are kept.
struct OffenderFlows {
    static let limit = 20

    let offender: IPAddress
    /// The range excludes `to`.
    let from: Timestamp
    let to: Timestamp
    /// The MAC address of an offender that spoofs addresses: packets from it are the offender's
    /// own.
    var link: MACAddress?
    /// Whether flows are ranked by their bytes rather than by their start.
    var prefersVolume = false
    /// Address and port of the flow that the alert names, which ranks first.
    var contact: String?
    private(set) var count = 0
    private var kept: [(rank: Rank, flow: EventExplanation.Flow)] = []
    private var known: Set<String>?
    private var identities = IdentityMap(inventory: .empty)

    init(offender: IPAddress, from: Timestamp, to: Timestamp) {
        self.offender = offender
        self.from = from
        self.to = to
    }

    /// The most significant flows, in order of rank.
    var telling: [EventExplanation.Flow] { kept.map(\.flow) }

    /// The order of flows by significance.
    private struct Rank: Comparable {
        var isContact: Bool
        var isNew: Bool
        var hasFailed: Bool
        var bytes: UInt64
        var start: Timestamp
        var name: String

        /// The more significant flow is the smaller.
        static func < (left: Rank, right: Rank) -> Bool {
            func key(_ rank: Rank) -> (Int, Int, Int) {
                (rank.isContact ? 0 : 1, rank.isNew ? 0 : 1, rank.hasFailed ? 0 : 1)
            }
            if key(left) != key(right) { return key(left) < key(right) }
            return (right.bytes, left.start, left.name) < (left.bytes, right.start, right.name)
        }
    }

    /// One end of a flow: `10.0.0.1:80`, `[fd00::1]:80`, or the address alone.
    static func end(_ address: String, _ port: UInt16?) -> String {
        guard let port else { return address }
        return address.contains(":") ? "[\(address)]:\(port)" : "\(address):\(port)"
    }

    /// Sets the baseline by which contacts are known or new.
    mutating func know(_ graph: CommunicationGraph, _ inventory: Inventory) {
        identities = IdentityMap(inventory: inventory)
        known = Set(graph.namedEdges.map { "\($0.subject) \($0.peer) \($0.service)" })
    }

    private func isNew(_ destination: IPAddress, _ service: Service) -> Bool? {
        known.map { known in
            let names = [offender, destination].map { identities.identity(of: $0).name }
            return !known.contains("\(names[0]) \(names[1]) \(service)")
        }
    }

    private mutating func add(_ flow: EventExplanation.Flow, hasFailed: Bool) {
        count += 1
        let rank = Rank(
            isContact: contact == flow.destination,
            isNew: flow.isNew ?? false, hasFailed: hasFailed && !prefersVolume,
            bytes: prefersVolume ? flow.bytesOut : 0, start: flow.start,
            name: flow.communityID)
        if kept.count >= Self.limit, let last = kept.last, last.rank < rank { return }
        let place = kept.firstIndex { rank < $0.rank } ?? kept.count
        kept.insert((rank, flow), at: place)
        if kept.count > Self.limit { kept.removeLast() }
    }

    // MARK: - Captures

    /// Meters captures up to the end of the range, with only the packets that the offender sent or
    /// received.
    mutating func meter(_ paths: [String], _ progress: ProgressReport?) throws {
        var options = CaptureOptions()
        options.linkTypes = LinkType.supported.map(\.rawValue)
        let capture = try FileCapture(paths: paths, options: options)
        var decoder = PacketDecoder()
        var meter = FlowMeter()
        var own = FlowTags()
        let total = capture.totalBytes
        var packet = Packet()
        var frames = 0
        while let frame = try capture.next() {
            decoder.decode(frame, into: &packet)
            frames += 1
            if frames & 0x3FF == 0 {
                if Interruption.isRequested { throw CaptureError.interrupted }
                progress?.update(capture.statistics.fileBytes, of: total)
            }
            // One frame may be far ahead of those that follow it.
            guard packet.time < to else { continue }
            let isOwn = packet.source == offender || link.map { packet.sourceMAC == $0 } ?? false
            guard isOwn || packet.destination == offender else { continue }
            var update = meter.observe(&packet)
            meter.drain { if own[$0.flow] != 0 { add($0) } }
            own.complete(&update)
            if isOwn, update.events.contains(.started) { own.set(1, of: update.flow) }
        }
        progress?.finish()
        meter.finish()
        meter.drain { if own[$0.flow] != 0 { add($0) } }
    }

    private mutating func add(_ record: FlowRecord) {
        let key = record.key
        guard record.end >= from, key.originator != key.responder,
            record.start < to
        else { return }
        let service = Service(ipProtocol: key.ipProtocol, port: key.responderPort)
        let hasPorts = Service.hasPorts(key.ipProtocol)
        func end(_ address: IPAddress, _ port: UInt16) -> String {
            Self.end("\(address)", hasPorts ? port : nil)
        }
        let flow = EventExplanation.Flow(
            start: record.start,
            source: end(key.originator, key.originatorPort),
            destination: end(key.responder, key.responderPort),
            transport: Service.protocolName(key.ipProtocol),
            packetsOut: record.originator.packetCount, packetsIn: record.responder.packetCount,
            bytesOut: record.originator.wireOctetCount, bytesIn: record.responder.wireOctetCount,
            state: "\(record.connectionState.name)", communityID: CommunityID(of: key).text,
            isNew: isNew(key.responder, service))
        let isAnswered = record.responder.packetCount > 0 && !record.isRefused
        add(flow, hasFailed: !isAnswered || record.connectionState == .rej)
    }

    // MARK: - Event files

    /// Adds a flow event that overlaps the range.
    mutating func add(_ event: EVEFlow) {
        guard event.end >= from, event.start < to else { return }
        let service = Service(
            ipProtocol: Service.protocolNumber(event.transport) ?? 0,
            port: event.destinationPort ?? 0)
        let flow = EventExplanation.Flow(
            start: event.start, source: Self.end("\(event.source)", event.sourcePort),
            destination: Self.end("\(event.destination)", event.destinationPort),
            transport: event.transport, packetsOut: event.packetsToServer,
            packetsIn: event.packetsToClient, bytesOut: event.bytesToServer,
            bytesIn: event.bytesToClient, state: event.state ?? "",
            communityID: event.communityID ?? "-", isNew: isNew(event.destination, service))
        // A single packet in reply to a TCP flow means that it was refused.
        let leastAnswer = event.transport == "TCP" ? 2 : 1
        add(flow, hasFailed: event.packetsToClient < leastAnswer)
    }
}
