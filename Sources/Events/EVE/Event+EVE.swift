import AnomalyDetection
import AttackPatterns
import BaselineGraph
package import FeatureExtraction
import FlowMetering
import NetworkAddresses
import Quarantine
import RuntimeEvents
import SenderAttribution
import TextFormats

/// Events as EVE JSON, one object per line, for programs that read Suricata's events. The order of
/// the keys is part of the format.
extension Event {
    /// The event as one line, without the newline.
    public var eve: String {
        var line = JSONObject()
        line.put("timestamp", UTC.timestamp(time))
        line.put("event_type", kind.rawValue)
        switch payload {
        case .alert(let alert): alert.put(in: &line)
        case .quarantine(let change): change.put(in: &line)
        case .response(let change): line.put("lazaret", change.fields)
        case .runtime(let report): line.put("lazaret", report.fields)
        case .stats(let statistics): line.put("stats", statistics.object)
        }
        return line.text
    }
}

extension Event.Alert {
    fileprivate func put(in line: inout JSONObject) {
        // The unspecified address of the target's family, where the senders are not known.
        let isV4 = offender.isUnspecified && contact?.address.isIPv4 == true
        line.put("src_ip", isV4 ? "0.0.0.0" : "\(offender)")
        if let contact {
            line.put("src_port", contact.sourcePort.map(Int.init))
            line.put("dest_ip", "\(contact.address)")
            line.put("dest_port", contact.port.map(Int.init))
            line.put("proto", contact.protocolName)
            if let flow = flow(to: contact) {
                line.put("flow_id", Int(flow.number))
                line.put("community_id", flow.text)
            }
        }
        switch origin {
        case .capture(let name): line.put("pcap_filename", name)
        case .interface(let name): line.put("in_iface", name)
        case nil: break
        }
        line.put("capture_file", captureFile)
        var alert = JSONObject()
        alert.put("action", isBlocked ? "blocked" : "allowed")
        alert.put("gid", Self.generator)
        alert.put("signature_id", signatureID)
        alert.put("rev", 1)
        alert.put("signature", signature)
        alert.put("category", category)
        alert.put("severity", severity.rawValue)
        line.put("alert", alert)
        line.put("lazaret", details)
    }

    /// The generator of alerts: Suricata's own are 1 to 3.
    private static let generator = 4000

    /// By the title in the signature, so that alerts without a baseline and those of a pattern of
    /// a later version have their numbers, too.
    private var signatureID: Int {
        let named = pattern ?? Pattern.allCases.first { signature == "Lazaret \($0.title)" }
        return named?.signatureID ?? Pattern.unusualSignatureID
    }

    /// The flow that the alert names; nil where its ends are not known, or its sender's address was
    /// forged.
    private func flow(to contact: Contact) -> CommunityID? {
        guard pattern != .spoofing, let port = contact.port, let sourcePort = contact.sourcePort,
            !offender.isUnspecified, offender.isIPv4 == contact.address.isIPv4
        else { return nil }
        return CommunityID(
            of: FlowKey(
                originator: offender, responder: contact.address, originatorPort: sourcePort,
                responderPort: port, ipProtocol: contact.ipProtocol,
                ipVersion: offender.isIPv4 ? 4 : 6))
    }

    private var details: JSONObject {
        var object = JSONObject()
        object.put("event_id", identifier)
        object.put("workload", workload)
        object.put("offender", offender.isUnspecified ? "unknown" : "\(offender)")
        object.put("mac", link.map { "\($0)" })
        object.put("role", offender.isUnspecified ? "target" : "source")
        object.put("window_start", window?.lowerBound)
        object.put("window_end", window?.upperBound)
        object.put("scale_s", scale.seconds)
        object.put("score", score)
        object.put("p_value", pValue, significant: 2)
        object.put("threshold", threshold)
        object.put("evidence_minutes", running?.minutes)
        object.put("evidence_log10", running?.log10, digits: 2)
        object.put("evidence_line_log10", running?.lineLog10, digits: 2)
        object.put("baseline", baseline)
        object.put("model_id", modelID)
        object.put("pattern", pattern?.rawValue)
        object.put("technique", technique)
        object.put("reasons", json: Reason.json(reasons, scale))
        if !indicators.isEmpty { object.put("indicators", indicators.map(\.object)) }
        if let image { object.put("image", image.object) }
        if !runtimeEvents.isEmpty {
            object.put("runtime_events", runtimeEvents.map { $0.object(from: firstSecond) })
        }
        object.put("decision", decision?.rawValue)
        object.put("quarantine_id", quarantineID)
        if isMuted { object.put("muted", true) }
        if let attribution {
            object.put("evidence", attribution.evidence.rawValue)
            object.put("port", attribution.portName)
            object.put("handshakes", attribution.handshakes)
            object.put("forged", attribution.forgedFrames)
            object.put("resets", attribution.resets)
        }
        target?.put(in: &object)
        return object
    }
}

extension AttackTarget {
    /// The keys that begin with `target`, of alerts and incidents. A count of 1 is left out.
    func put(in object: inout JSONObject) {
        func several(_ count: Int) -> Int? { count > 1 ? count : nil }
        object.put("target", address.map { "\($0)" })
        object.put("target_workload", workload)
        object.put("target_proto", protocolName)
        object.put("target_port", port.map(Int.init))
        object.put("target_addresses", several(addressCount))
        object.put("target_ports", several(portCount))
        object.put("target_pairs", several(pairCount))
        object.put("target_text", text)
    }
}

extension AttackTarget.Host {
    /// An object of an incident's `targets`.
    var object: JSONObject {
        var object = JSONObject()
        object.put("address", "\(address)")
        object.put("workload", workload)
        return object
    }
}

extension Event.Alert.Contact {
    package var protocolName: String { Service.protocolName(ipProtocol) }
}

extension Event.Alert.Reason {
    /// An array of objects.
    package static func json(_ reasons: [Self], _ scale: Scale) -> String {
        "[" + reasons.map { $0.json(scale) }.joined(separator: ",") + "]"
    }

    /// An object; without a measurement it has only the sentence.
    ///
    /// - Parameter scale: that of the window.
    func json(_ scale: Scale) -> String {
        var object = JSONObject()
        if let measurement {
            object.put("feature", measurement.feature)
            object.put("value", measurement.value, digits: 2)
            object.put("unit", measurement.unit)
            object.put("baseline_p50", measurement.baselineMedian, digits: 2)
            object.put("baseline_p99", measurement.baselineP99, digits: 2)
            object.put("share", measurement.share, digits: 3)
            object.put("steps", measurement.steps(scale), digits: 1)
        }
        object.put("text", text)
        return object.text
    }
}

extension Event.Alert.Measurement {
    /// How far the value is beyond 99 % of the clean windows, in the detector's steps; nil without
    /// a baseline, and for a feature of a later version.
    fileprivate func steps(_ scale: Scale) -> Double? {
        guard let baselineP99,
            let description = FeatureSchema.table.first(where: { $0.name == feature })
        else { return nil }
        // From the values as they are written, so that reading and writing again changes nothing.
        func written(_ value: Double) -> Float { Float((value * 100).rounded() / 100) }
        return Double(
            description.steps(
                from: written(baselineP99), to: written(value), seconds: scale.seconds))
    }
}

extension Event.QuarantineChange {
    fileprivate func put(in line: inout JSONObject) {
        if let prefix = target.prefix, prefix.isHost { line.put("src_ip", "\(prefix.address)") }
        var object = JSONObject()
        object.put("quarantine_id", quarantineID)
        object.put("action", action.rawValue)
        object.put("refused_because", refusal)
        object.put("target", "\(target)")
        object.put("response", response.rawValue)
        object.put("until", UTC.timestamp(until))
        object.put("reason", reason)
        object.put("event_id", eventID)
        object.put("workload", workload)
        object.put("undo", undo)
        object.put("dry_run", isDryRun)
        object.put("failure", failure)
        line.put("lazaret", object)
    }
}

extension Event.ResponseChange {
    fileprivate var fields: JSONObject {
        var fields = JSONObject()
        fields.put("quarantine_id", quarantineID)
        fields.put("entry", entry)
        fields.put("action", action)
        fields.put("state", state.rawValue)
        fields.put("target", target)
        fields.put("object", object)
        fields.put("workload", workload)
        fields.put("event_id", eventID)
        fields.put("detail", detail)
        return fields
    }
}

extension Event.Statistics {
    fileprivate var object: JSONObject {
        var object = JSONObject()
        object.put("uptime", uptimeSeconds)
        object.put("capture", Self.object(capture))
        object.put("decoder", Self.object(decoder))
        object.put("flow", Self.object(flow))
        object.put("lazaret", Self.object(lazaret))
        object.put("sinks", sinks.map(\.object))
        return object
    }

    private static func object(_ counters: [String: UInt64]) -> JSONObject {
        var object = JSONObject()
        for (name, count) in counters.sorted(by: { $0.key < $1.key }) {
            object.put(name, Int(clamping: count))
        }
        return object
    }
}

extension Event.Statistics.Sink {
    fileprivate var object: JSONObject {
        var object = JSONObject()
        object.put("name", name)
        object.put("written", Int(clamping: written))
        object.put("dropped", Int(clamping: dropped))
        object.put("waiting", waiting)
        object.put("lag_s", lagSeconds, digits: 1)
        object.put("trouble", trouble)
        return object
    }
}
