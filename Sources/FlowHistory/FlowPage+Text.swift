internal import FlowMetering
internal import NetworkAddresses
internal import TextFormats
internal import Timestamps

extension FlowPage.Row {
    /// The row as a JSON object on one line.
    package var json: String {
        let entry = flow.entry
        var object = JSONObject()
        object.put("number", Int(number))
        object.put("start", UTC.timestamp(entry.start))
        object.put("end", UTC.timestamp(entry.end))
        object.put("proto", FlowProtocol.name(entry.ipProtocol))
        object.put("orig", "\(entry.originator)")
        object.put("orig_port", Int(entry.originatorPort))
        object.put("orig_workload", flow.originatorName)
        object.put("resp", "\(entry.responder)")
        object.put("resp_port", Int(entry.responderPort))
        object.put("resp_workload", flow.responderName)
        object.put("conn_state", "\(entry.state.name)")
        object.put("continued", entry.isContinuation)
        object.put("new", entry.isNew)
        object.put("orig_packets", Int(clamping: entry.originatorPackets))
        object.put("orig_bytes", Int(clamping: entry.originatorBytes))
        object.put("resp_packets", Int(clamping: entry.responderPackets))
        object.put("resp_bytes", Int(clamping: entry.responderBytes))
        object.put("end_reason", "\(entry.reason.ipfixName)")
        object.put("community_id", entry.communityID.text)
        return object.text
    }
}

/// Flows of the history as text for a terminal or a spreadsheet.
package enum FlowRowsText {
    /// A table, in the order of `rows`.
    package static func table(_ rows: [FlowPage.Row]) -> String {
        let head = ["START (UTC)", "LENGTH", "PROT", "FROM", "TO", "PKTS", "BYTES", "STATE"]
        let cells = rows.map { row in
            let entry = row.flow.entry
            let second = Int64(entry.start.second)
            return [
                "\(UTC.date(second)) \(UTC.clock(second))",
                "\(JSONObject.number((entry.end - entry.start).inSeconds, digits: 1))s",
                FlowProtocol.name(entry.ipProtocol),
                end(entry.originator, entry.originatorPort, row.flow.originatorName),
                end(entry.responder, entry.responderPort, row.flow.responderName),
                "\(entry.originatorPackets &+ entry.responderPackets)",
                "\(entry.originatorBytes &+ entry.responderBytes)", "\(entry.state.name)",
            ]
        }
        let all = [head] + cells
        let widths = head.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            row.enumerated().map { column, cell in
                let gap = String(repeating: " ", count: widths[column] - cell.count)
                if column == row.count - 1 { return cell }
                return (5...6).contains(column) ? gap + cell : cell + gap
            }.joined(separator: "  ") + "\n"
        }.joined()
    }

    private static func end(_ address: IPAddress, _ port: UInt16, _ name: String?) -> String {
        let place = address.isIPv4 ? "\(address):\(port)" : "[\(address)]:\(port)"
        return name.map { "\($0.printable) (\(place))" } ?? place
    }

    package static let csvHead = """
        number,start,end,proto,orig,orig_port,orig_workload,resp,resp_port,resp_workload,\
        conn_state,orig_packets,orig_bytes,resp_packets,resp_bytes,community_id

        """

    /// One line of comma-separated values (RFC 4180).
    package static func csv(_ row: FlowPage.Row) -> String {
        let entry = row.flow.entry
        let cells = [
            "\(row.number)", UTC.timestamp(entry.start), UTC.timestamp(entry.end),
            FlowProtocol.name(entry.ipProtocol), "\(entry.originator)", "\(entry.originatorPort)",
            quoted(row.flow.originatorName ?? ""), "\(entry.responder)",
            "\(entry.responderPort)", quoted(row.flow.responderName ?? ""), "\(entry.state.name)",
            "\(entry.originatorPackets)", "\(entry.originatorBytes)",
            "\(entry.responderPackets)", "\(entry.responderBytes)", entry.communityID.text,
        ]
        return cells.joined(separator: ",") + "\n"
    }

    private static func quoted(_ text: String) -> String {
        let text = text.printable
        let needsQuotes = text.contains { ",\"\r\n".contains($0) }
        return needsQuotes ? "\"\(text.replacing("\"", with: "\"\""))\"" : text
    }
}
