public import AnomalyDetection
import FeatureExtraction

/// A reason as a bar: the window's value against what clean windows held, on the detector's own scale
/// (logarithmic for counts and volumes).
public struct HTMLBar: Sendable {
    public var reason: Verdict.Reason
    /// Length of the window that the values are of.
    public var seconds: Int

    public init(_ reason: Verdict.Reason, seconds: Int) {
        self.reason = reason
        self.seconds = seconds
    }

    /// Rules for the parts; a page takes them once.
    public static let style = """
        .bar{width:100%;height:1.1rem;margin:.35rem 0 .1rem}
        .bar .track{fill:var(--sunken)}
        .bar .band{fill:var(--band)}
        .bar .value{fill:var(--alarm)}
        .bar .median{stroke:var(--ink);stroke-width:2}
        .bar .most{stroke:var(--ink);stroke-width:1.5;stroke-dasharray:2 2}

        """

    /// Where values lie between the smallest and the largest shown, 0...1.
    private var places: (value: Double, median: Double, p99: Double, largest: Double) {
        let description = FeatureSchema.description(of: reason.feature)
        func transformed(_ raw: Float) -> Double {
            let place = Double(description.transformed(raw, seconds: seconds))
            return place.isFinite ? place : 0
        }
        let all = [reason.value, reason.baselineMedian, reason.baselineP99, reason.baselineLargest]
            .map(transformed)
        let low = min(0, all.min() ?? 0)
        let span = max((all.max() ?? 0) - low, 1e-9)
        let placed = all.map { ($0 - low) / span }
        return (placed[0], placed[1], placed[2], placed[3])
    }

    public var svg: HTML {
        let at = places
        let title = "\(FeatureSchema.description(of: reason.feature).name) against its baseline"
        return """
            <svg class="bar" role="img" height="18"><title>\(title)</title><desc>\(words)</desc>\
            <rect class="track" width="100%" height="18" rx="3"/>\
            <rect class="band" width="\(.percent(at.p99))" height="18" rx="3"/>\
            <rect class="value" y="5" width="\(.percent(max(at.value, 0.004)))" height="8" rx="2"/>\
            \(tick("median", at.median))\(tick("most", at.largest))</svg>
            """
    }

    /// A mark that stays within the picture at both of its ends.
    private func tick(_ kind: String, _ place: Double) -> HTML {
        let x = HTML.percent(0.003 + place * 0.994)
        return "<line class=\"\(kind)\" x1=\"\(x)\" x2=\"\(x)\" y1=\"0\" y2=\"18\"/>"
    }

    private var words: String {
        let unit = FeatureSchema.description(of: reason.feature).unit
        return "Value \(Self.text(reason.value)) \(unit); clean windows: median "
            + "\(Self.text(reason.baselineMedian)), 99 % at most \(Self.text(reason.baselineP99)), "
            + "all at most \(Self.text(reason.baselineLargest))."
    }

    /// A raw value for a table: three digits are enough to compare.
    public static func text(_ value: Float) -> String {
        let digits = abs(value) < 10 ? 2 : abs(value) < 100 ? 1 : 0
        return HTML.grouped(number: JSONObject.number(Double(value), digits: digits))
    }
}
