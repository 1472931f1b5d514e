import AnomalyDetection
public import AnomalyModel
import BaselineGraph
import FeatureExtraction
import NetworkAddresses
import TextFormats
import Timestamps

/// A model's content as text.
public enum ModelReport {
    /// The number of workloads with a thin training that are listed.
    private static let shownThin = 8

    /// The number of workloads that are named.
    private static let shownWorkloads = 20

    /// The model on one page; `withGraph` adds its contacts.
    public static func text(
        _ model: Model, _ quality: LearningQuality, withGraph: Bool = false
    ) -> String {
        let provenance = model.provenance
        let seconds = Int64((provenance.last - provenance.first).wholeSeconds)
        let own = workloads(model)
        let shown = own.prefix(shownWorkloads)
        let more = own.count > shown.count ? " and \(own.count - shown.count) more" : ""
        var lines = [
            "model \(model.identifier)",
            """
              learned from   \(provenance.sources.joined(separator: ", ")): \
            \(provenance.packetCount) packets, \
            \(length(seconds)) from \(UTC.moment(provenance.first))
            """,
            "  workloads      \(own.count): \(shown.joined(separator: ", "))\(more)",
            """
              graph          \(quality.contactCount) edges, \
            \(model.graph.dnsNames.count) DNS names, \
            \(model.graph.outsideAddresses.count) outside addresses, \
            \(model.graph.links.count) interfaces
            """,
        ]
        for scale in Scale.allCases {
            let part = model[scale]
            lines.append(
                "  \(scale.seconds) s windows".padded(to: 17)
                    + """
                    \(part.baseline.groups[ScaleBaseline.node]?.windowCount ?? 0) clean, \
                    threshold \(JSONObject.number(Double(part.threshold), digits: 3))
                    """)
        }
        lines.append("  budget         " + budget(model))
        if let times = model.times { lines.append("  times          " + text(times)) }
        lines.append("  learned        " + quality.summary)
        lines += quality.thin.prefix(shownThin).map { "    thin         \($0)" }
        if quality.thin.count > shownThin {
            lines.append("    thin         \(quality.thin.count - shownThin) more")
        }
        lines += LearningQuality.leftOut(quality.workloads).map { "    not learned  \($0)" }
        let constant = constantFeatures(model)
        if !constant.isEmpty {
            lines.append(
                "  constant       \(constant.joined(separator: ", ")): any departure counts")
        }
        if withGraph {
            lines.append("  initiators and responders:")
            for edge in model.graph.namedEdges {
                lines.append("    \(edge.subject) -> \(edge.peer) \(edge.service)")
            }
        }
        return lines.map(\.printable).joined(separator: "\n") + "\n"
    }

    /// The workloads that have a baseline of their own, by name. The graph also contains networks
    /// and workloads that were seen too rarely.
    package static func workloads(_ model: Model) -> [String] {
        model[.short].baseline.groups.keys.filter(isWorkload).sorted()
    }

    /// The differences between the contents of two models.
    public static func difference(_ old: Model, _ new: Model) -> String {
        func edges(_ model: Model) -> Set<String> {
            Set(model.graph.namedEdges.map { "\($0.subject) -> \($0.peer) \($0.service)" })
        }
        func groups(_ model: Model) -> Set<String> {
            Set(workloads(model))
        }
        func outside(_ model: Model) -> Set<IPAddress> { Set(model.graph.outsideAddresses.keys) }
        /// The number of names that the first model has and the second one lacks.
        func names(_ one: Model, _ other: Model) -> Int {
            one.graph.dnsNames.keys.count { other.graph.dnsNames[$0] == nil }
        }
        var lines: [String] = []
        for name in groups(new).subtracting(groups(old)).sorted() {
            lines.append("+ workload \(name)")
        }
        for name in groups(old).subtracting(groups(new)).sorted() {
            lines.append("- workload \(name)")
        }
        for edge in edges(new).subtracting(edges(old)).sorted() { lines.append("+ \(edge)") }
        for edge in edges(old).subtracting(edges(new)).sorted() { lines.append("- \(edge)") }
        for address in outside(new).subtracting(outside(old)).sorted() {
            lines.append("+ outside address \(address)")
        }
        for address in outside(old).subtracting(outside(new)).sorted() {
            lines.append("- outside address \(address)")
        }
        for (sign, count) in [("+", names(new, old)), ("-", names(old, new))] where count > 0 {
            lines.append("\(sign) \(count) DNS \(count == 1 ? "name" : "names")")
        }
        for scale in Scale.allCases where old[scale].threshold != new[scale].threshold {
            lines.append(
                """
                ~ threshold of \(scale.seconds) s: \
                \(JSONObject.number(Double(old[scale].threshold), digits: 4))
                """
                    + " -> \(JSONObject.number(Double(new[scale].threshold), digits: 4))")
        }
        return lines.isEmpty
            ? "no difference\n" : lines.map(\.printable).joined(separator: "\n") + "\n"
    }

    /// The promised rate of false alarms, with a note if the data are too few for it.
    private static func budget(_ model: Model) -> String {
        let asked = rate(model.provenance.falseAlarmsPerDay)
        guard let line = model.evidenceLine, let minutes = model.minutes else {
            return "\(asked) was asked for: too few minutes for evidence over time; train on more"
        }
        let node = minutes.groups[ScaleBaseline.node]?.minuteCount ?? 0
        return
            "\(asked), half of it for evidence over minutes: slow attacks alert when their "
            + "evidence exceeds \(JSONObject.number(line.rounded(), digits: 0)), by \(node) "
            + "clean minutes"
    }

    /// On what the usual amounts of each time rest.
    private static func text(_ times: TimeModel) -> String {
        let count = times.cycles.max() ?? 0
        let judged = times.cycles.count { $0 >= TimeModel.leastCycles }
        return times.period == .day
            ? "\(judged) of 24 hours of the day, seen on up to \(count) days"
            : "\(judged) of 168 hours of the week, seen in up to \(count) weeks"
    }

    private static func isWorkload(_ name: String) -> Bool {
        name != ScaleBaseline.node && !name.hasPrefix("image ") && !name.hasPrefix("network ")
    }

    private static func constantFeatures(_ model: Model) -> [String] {
        guard let node = model[.short].baseline.groups[ScaleBaseline.node] else { return [] }
        return FeatureSchema.table.filter { node.largest[$0.feature.rawValue] == 0 }.map(\.name)
    }

    private static func rate(_ perDay: Double) -> String {
        switch perDay {
        case 1: "one false incident per day"
        case 1...: "\(JSONObject.number(perDay, digits: 2)) false incidents per day"
        case 0: "no false incident"
        default: "one false incident in \(JSONObject.number(1 / perDay, digits: 1)) days"
        }
    }

    private static func length(_ seconds: Int64) -> String {
        seconds < 7200
            ? "\(seconds / 60) min \(seconds % 60) s"
            : "\(seconds / 3600) h \(seconds / 60 % 60) min"
    }
}

extension String {
    fileprivate func padded(to width: Int) -> String {
        self + String(repeating: " ", count: max(0, width - count))
    }
}
