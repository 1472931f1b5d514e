import FeatureExtraction
import TextFormats

/// The feature table as Markdown.
public enum FeatureReport {
    /// Markdown of all features in column order: the content of `docs/features.md`.
    public static var markdown: String {
        var text = """
            # Features

            Written by `lazaret model features`; schema version \(FeatureSchema.version).

            This table lists the features that the detector computes. A window is one address \
            over the last \
            10, 60 or 600 seconds, a row of \(Feature.count) values. Only traffic that the \
            address initiates is \
            counted: the victim of a scan or a flood has a normal row. Values marked *log* enter \
            the forest as \
            ln(1 + value / scale); the scale grows with the root of the window's length. Each \
            value is then placed \
            in the clean range of its workload's baseline (or its image's, network's or the \
            node's); above the \
            largest clean value it is measured in steps of the resolution. A window can only be \
            anomalous if at \
            least one value is a whole step beyond that range.

            "New" means new to the learned communication graph; without a model nothing is new. \
            Values \
            marked *demand* are compared with what the address serves: a proxy that gets ten \
            times as many requests \
            may send ten times as many. Distinct values are counted exactly while an \
            address has no more than 1,024 in ten minutes; of one that has more they are estimates \
            (2 % off at 20,000), which texts call "about", so that an address uses a fixed amount \
            of memory.

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
