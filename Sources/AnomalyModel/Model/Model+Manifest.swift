import FeatureExtraction
import Timestamps

extension Model {
    /// The readable part of the file: one JSON object with schema, calibration and provenance, keys
    /// in a fixed order.
    public var manifest: String {
        let features = FeatureSchema.table.map {
            "{\"name\": \(quoted($0.name)), \"unit\": \(quoted($0.unit)), \"transform\": "
                + """
                \(quoted($0.transform.rawValue)), "scale": \($0.scale), "resolution": \
                \($0.resolution)}
                """
        }
        let windows = Scale.allCases.map { scale in
            let part = self[scale]
            let node = part.baseline.groups[ScaleBaseline.node]?.windowCount ?? 0
            return
                """
                {"seconds": \(scale.seconds), "windows": \(node), "threshold": \(part.threshold), \
                "learned_seconds": \(part.learnedSeconds), \
                "blocks": \(part.calibration.blockCount), "tail": {"start": \
                \(part.calibration.tailStart), \
                "share": \(part.calibration.tailShare), "scale": \(part.calibration.tailScale), \
                "shape": \(part.calibration.tailShape)}}
                """
        }
        let workloads = self[.short].baseline.groups.sorted { $0.key < $1.key }.map {
            "{\"name\": \(quoted($0.key)), \"windows\": \($0.value.windowCount)}"
        }
        func list(_ items: [String]) -> String {
            items.isEmpty ? "[]" : "[\n    \(items.joined(separator: ",\n    "))\n  ]"
        }
        return """
            {
              "format": \(Self.formatVersion),
              "schema": \(FeatureSchema.version),
              "sources": [\(provenance.sources.map(quoted).joined(separator: ", "))],
              "first_packet_ns": \(provenance.first.nanoseconds),
              "last_packet_ns": \(provenance.last.nanoseconds),
              "packets": \(provenance.packetCount),
              "seed": \(provenance.seed),
              "false_alarms_per_day": \(provenance.falseAlarmsPerDay),
              "inventory_sha256": \(quoted(provenance.inventoryDigest)),
              "features": \(list(features)),
              "scales": \(list(windows)),
              "workloads": \(list(workloads))
            }

            """
    }

    private func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.value < 32:
                let digits = String(scalar.value, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }
}
