import FeatureExtraction
import TextFormats

/// The feature table as a page of documentation.
public enum FeatureReport {
    /// Markdown of all features, in column order: what `docs/features.md` holds.
    public static var markdown: String {
        var text = """
            # Features

            Written by `lazaret model features`; schema version \(FeatureSchema.version).

            A window is one address over the last 10, 60 or 600 seconds, a row of \(Feature.count) values. Only what the \
            address itself initiates counts as its doing: the victim of a scan or a flood gets an ordinary row. \
            Values marked *log* enter the forest as ln(1 + value / scale), the scale growing with the root of the \
            window's length; each is then placed in the clean range of its workload's baseline (else its image's, network's or \
            the node's), and beyond the largest clean value measured in steps of the resolution. A window can \
            only be odd where at least one value lies a whole step beyond that.

            "New" means new to the communication graph that was learnt; without a model nothing is new. Values \
            marked *demand* are compared with what the address serves: a proxy that is asked ten times as much may \
            send ten times as much. Distinct things are counted exactly up to 1,024 and estimated beyond (2 % off at 20,000), so that an \
            address costs a fixed amount of memory whatever it talks to.

            | feature | unit | what it counts | what it reveals | scale | step | |
            |---|---|---|---|---|---|---|

            """
        for row in FeatureSchema.table {
            let isLogarithmic = row.transform == .logarithmic
            let marks =
                [isLogarithmic ? "log" : nil, row.feature.followsDemand ? "demand" : nil]
                .compactMap { $0 }
            text +=
                "| `\(row.name)` | \(row.unit) | \(row.counts) | \(row.reveals) | "
                + (isLogarithmic ? JSONObject.number(Double(row.scale), digits: 1) : "") + " | "
                + JSONObject.number(Double(row.resolution), digits: 2)
                + " | \(marks.joined(separator: ", ")) |\n"
        }
        return text
    }
}
