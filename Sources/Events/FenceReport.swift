import NetworkAddresses
public import Quarantine
import TextFormats

/// What is fenced, as a person reads it and as JSON.
public enum FenceReport {
    /// One JSON object.
    public static func json(_ fence: FenceStanding) -> String {
        let row = fence.row
        var object = JSONObject()
        object.put("id", row.id)
        object.put("target", "\(row.target)")
        object.put("response", row.response.rawValue)
        object.put("in_force", fence.isInForce)
        object.put("dry_run", row.isDryRun)
        object.put("remaining_seconds", Double(fence.remainingMilliseconds) / 1000, digits: 3)
        object.put("until_ns", Int(row.until))
        object.put("until", UTC.timestamp(nanoseconds: row.until))
        object.put("packets_held", Int(clamping: fence.packets))
        object.put("bytes_held", Int(clamping: fence.bytes))
        object.put("level", row.level)
        object.put("workload", row.workload)
        object.put("reason", row.reason)
        object.put("event_id", row.eventID)
        object.put("features", row.features)
        object.put("by", row.actor)
        object.put("forced", row.isForced)
        object.put("undo", row.undo)
        return object.text
    }
}
