public import AnomalyDetection
import FeatureExtraction
import TextFormats

/// A reason as a bar: the window's value compared with clean windows, on the detector's scale.
///
/// The left part is the range of 99 % of the clean windows. Right of it, each step of the feature's
/// resolution has the same width in all bars of all pages, so their lengths can be compared.
public struct HTMLBar: Sendable {
    public var reason: Verdict.Reason
    /// The length of the window in seconds.
    public var seconds: Int
    /// What the values are compared with.
    public var basis = "clean windows"

    /// The number of steps from the clean range to the right end.
    static let stepLimit = 10
    /// The share of the width for the clean range.
    private static let cleanPart = 0.25

    public init(_ reason: Verdict.Reason, seconds: Int) {
        self.reason = reason
        self.seconds = seconds
    }

    /// The position of a raw value, 0...1.
    private func place(_ raw: Float) -> Double {
        let description = FeatureSchema.description(of: reason.feature)
        let steps = description.steps(from: reason.baselineP99, to: raw, seconds: seconds)
        guard steps == 0 else { return Self.place(steps: Double(steps)) }
        func transformed(_ raw: Float) -> Double {
            let place = Double(description.transformed(raw, seconds: seconds))
            return place.isFinite ? place : 0
        }
        let (value, end) = (transformed(raw), transformed(reason.baselineP99))
        let low = min(0, transformed(reason.baselineMedian), value)
        return end > low ? Self.cleanPart * (value - low) / (end - low) : Self.cleanPart
    }

    private static func place(steps: Double) -> Double {
        cleanPart + (1 - cleanPart) * min(steps / Double(stepLimit), 1)
    }

    public var svg: HTML {
        let title = "\(FeatureSchema.description(of: reason.feature).name) against \(basis)"
        let x = HTML.percent(0.003 + place(reason.baselineMedian) * 0.994)
        return """
            <svg class="bar" role="img" height="18"><title>\(title)</title><desc>\(words)</desc>\
            <rect class="track" width="100%" height="18" rx="3"/>\
            <rect class="band" width="\(.percent(Self.cleanPart))" height="18" rx="3"/>\
            <rect class="value" y="5" width="\(.percent(max(place(reason.value), 0.004)))" \
            height="8" rx="2"/>\
            <line class="median" x1="\(x)" x2="\(x)" y1="0" y2="18"/></svg>
            """
    }

    /// The scale of all bars, as wide as they are.
    public static var ruler: HTML {
        let marks =
            [(cleanPart, "99 %")]
            + stride(from: 2, through: stepLimit, by: 2).map {
                (place(steps: Double($0)), "+\($0)")
            }
        let ticks: [HTML] = marks.map { place, text in
            let x = HTML.percent(place)
            return """
                <line x1="\(x)" x2="\(x)" y1="13" y2="18"/><text x="\(x)" y="10" \
                text-anchor="\(place > 0.97 ? "end" : "middle")">\(text)</text>
                """
        }
        return "<svg class=\"axis\" height=\"18\" aria-hidden=\"true\">\(ticks)</svg>"
    }

    private var words: String {
        let unit = FeatureSchema.description(of: reason.feature).unit
        return "Value \(Self.text(reason.value)) \(unit); \(basis): median "
            + "\(Self.text(reason.baselineMedian)), 99 % at most \(Self.text(reason.baselineP99)), "
            + "all at most \(Self.text(reason.baselineLargest))."
    }

    /// A raw value for a table, with about three digits.
    public static func text(_ value: Float) -> String {
        let digits = abs(value) < 10 ? 2 : abs(value) < 100 ? 1 : 0
        return HTML.grouped(number: JSONObject.number(Double(value), digits: digits))
    }
}
