import BaselineGraph
import FlowHistory
import FlowMetering
import NetworkAddresses
import TextFormats
import Timestamps

extension FlowPage.Row {
    /// The row as Suricata's EVE JSON of the type `flow`, as `lazaret flows -r --format eve` writes
    /// it, without what the history does not keep: VLAN, tunnel and TCP flags.
    var eve: String {
        let entry = flow.entry
        let hasPorts = Service.hasPorts(entry.ipProtocol)
        var line = JSONObject()
        line.put("timestamp", UTC.timestamp(entry.end))
        line.put("flow_id", Int(entry.communityID.number))
        line.put("event_type", "flow")
        line.put("src_ip", "\(entry.originator)")
        line.put("src_port", hasPorts ? Int(entry.originatorPort) : nil)
        line.put("dest_ip", "\(entry.responder)")
        line.put("dest_port", hasPorts ? Int(entry.responderPort) : nil)
        let version: UInt8 = entry.originator.isIPv4 ? 4 : 6
        line.put("ip_v", Int(version))
        line.put("proto", Service.protocolName(entry.ipProtocol))
        if entry.ipProtocol == 1 || entry.ipProtocol == 58 {
            line.put("icmp_type", Int(entry.originatorPort))
            // The port of a message that has an answer is the type of that.
            let isAnswered = CommunityID.isAnswered(
                type: entry.originatorPort, ipVersion: version)
            line.put("icmp_code", isAnswered ? 0 : Int(entry.responderPort))
        }
        line.put("community_id", entry.communityID.text)
        line.put("flow", counters)
        return line.text
    }

    private var counters: JSONObject {
        let entry = flow.entry
        let isAnswered = entry.originatorPackets > 0 && entry.responderPackets > 0
        var object = JSONObject()
        object.put("pkts_toserver", Int(clamping: entry.originatorPackets))
        object.put("pkts_toclient", Int(clamping: entry.responderPackets))
        object.put("bytes_toserver", Int(clamping: entry.originatorBytes))
        object.put("bytes_toclient", Int(clamping: entry.responderBytes))
        object.put("start", UTC.timestamp(entry.start))
        object.put("end", UTC.timestamp(entry.end))
        object.put("age", (entry.end - entry.start).wholeSeconds)
        object.put("state", "\(entry.reason.eveState(isAnswered: isAnswered))")
        object.put("reason", "\(entry.reason.eveName)")
        object.put("alerted", false)
        return object
    }
}
