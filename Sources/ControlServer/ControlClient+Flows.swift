package import FlowHistory
internal import FlowMetering
internal import FoundationEssentials
internal import NetworkAddresses
internal import TextFormats
internal import Timestamps

/// The flow history of a running monitor, for the command line.
extension ControlClient {
    /// A page of the history.
    package func flows(
        _ query: FlowQuery, before: Int64?, limit: Int
    ) async throws -> FlowPage {
        var parts = ["limit=\(limit)"]
        if let from = query.from { parts.append("from=\(from.second)") }
        if let to = query.to { parts.append("to=\(to.second)") }
        if let workload = query.workload { parts.append("workload=\(Self.escaped("\(workload)"))") }
        if let peer = query.peer { parts.append("peer=\(Self.escaped("\(peer)"))") }
        if let port = query.port {
            let name = port.ipProtocol.map { FlowProtocol.name($0) + "/" } ?? ""
            parts.append("port=\(name)\(port.number)")
        }
        if let before { parts.append("before=\(before)") }
        let bytes = try await get(
            "/api/v1/flows?" + parts.joined(separator: "&"), timeout: .seconds(60))
        let answer = try JSONDecoder().decode(FlowsAnswer.self, from: Data(bytes))
        var page = FlowPage()
        page.rows = answer.flows.compactMap(\.row)
        page.before = answer.before
        page.damaged = answer.damaged
        return page
    }

    /// Percent-encodes everything but letters and digits (RFC 3986, section 2.1).
    static func escaped(_ text: String) -> String {
        text.utf8.map { byte in
            let scalar = UnicodeScalar(byte)
            if scalar.isASCII, scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) {
                return "\(scalar)"
            }
            return "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}

/// An answer in the format of `/api/v1/flows`.
private struct FlowsAnswer: Decodable {
    struct Flow: Decodable {
        var number: Int64
        var start: String
        var end: String
        var proto: String
        var orig: String
        var orig_port: UInt16
        var orig_workload: String?
        var resp: String
        var resp_port: UInt16
        var resp_workload: String?
        var conn_state: String
        var continued: Bool
        var new: Bool?
        var orig_packets: UInt64
        var orig_bytes: UInt64
        var resp_packets: UInt64
        var resp_bytes: UInt64
        var end_reason: String?

        /// Nil if a value is unknown.
        var row: FlowPage.Row? {
            guard let originator = IPAddress(orig), let responder = IPAddress(resp),
                let start = UTC.time(start), let end = UTC.time(end),
                let ipProtocol = FlowProtocol.number(proto) ?? UInt8(proto),
                let state = (0...UInt8.max).lazy.compactMap(ConnectionState.init(rawValue:))
                    .first(where: { "\($0.name)" == conn_state })
            else { return nil }
            var entry = FlowEntry(
                from: originator, orig_port, to: responder, resp_port, ipProtocol: ipProtocol,
                start: start, end: end)
            entry.state = state
            // A monitor of an earlier build does not send it.
            entry.reason = end_reason.flatMap(FlowEndReason.init(ipfixName:)) ?? entry.reason
            entry.isContinuation = continued
            entry.isNew = new ?? false
            entry.originatorPackets = orig_packets
            entry.originatorBytes = orig_bytes
            entry.responderPackets = resp_packets
            entry.responderBytes = resp_bytes
            return FlowPage.Row(
                number: number, flow: NamedFlow(entry, from: orig_workload, to: resp_workload))
        }
    }

    var flows: [Flow]
    var before: Int64?
    var damaged: Int64
}
