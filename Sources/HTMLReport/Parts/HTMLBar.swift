public import AnomalyDetection
import FeatureExtraction
import TextFormats

/// A reason as a bar: the window's value compared with the clean windows, on the detector's scale.
///
/// The left part is the range of clean windows. Beyond it, every step of the feature's resolution
/// has the same width in all bars of a table, so their lengths can be compared.
public struct HTMLBar: Sendable {
    public var reason: Verdict.Reason
    /// The length of the window in seconds.
    public var seconds: Int
    /// The raw value at the end of the clean range.
    public var cleanEnd: Float
    /// What the values are compared with.
    public var basis = "clean windows"
    /// The number of steps from there to the right end.
    public var fullSteps: Float

    public init(_ reason: Verdict.Reason, seconds: Int, cleanEnd: Float, fullSteps: Float) {
        self.reason = reason
        self.seconds = seconds
        self.cleanEnd = cleanEnd
        self.fullSteps = max(fullSteps, 1)
    }

    /// The number of steps of its feature's resolution by which a value exceeds the clean range.
    public static func steps(_ reason: Verdict.Reason, seconds: Int, cleanEnd: Float) -> Float {
        let description = FeatureSchema.description(of: reason.feature)
        let beyond =
            description.transformed(reason.value, seconds: seconds)
            - description.transformed(cleanEnd, seconds: seconds)
        return beyond.isFinite ? max(beyond / description.resolution, 0) : 0
    }

    /// The share of the width for the clean range.
    private static let cleanPart = 0.3

    /// The position of a raw value, 0...1.
    private func place(_ raw: Float) -> Double {
        let description = FeatureSchema.description(of: reason.feature)
        func transformed(_ raw: Float) -> Double {
            let place = Double(description.transformed(raw, seconds: seconds))
            return place.isFinite ? place : 0
        }
        let (value, end) = (transformed(raw), transformed(cleanEnd))
        guard value <= end else {
            let steps = (value - end) / Double(description.resolution * fullSteps)
            return Self.cleanPart + (1 - Self.cleanPart) * min(steps, 1)
        }
        let low = min(0, transformed(reason.baselineMedian), value)
        return end > low ? Self.cleanPart * (value - low) / (end - low) : Self.cleanPart
    }

    public var svg: HTML {
        let title = "\(FeatureSchema.description(of: reason.feature).name) against \(basis)"
        return """
            <svg class="bar" role="img" height="18"><title>\(title)</title><desc>\(words)</desc>\
            <rect class="track" width="100%" height="18" rx="3"/>\
            <rect class="band" width="\(.percent(place(reason.baselineP99)))" height="18" rx="3"/>\
            <rect class="value" y="5" width="\(.percent(max(place(reason.value), 0.004)))" \
            height="8" rx="2"/>\
            \(tick("median", place(reason.baselineMedian)))\(tick("most", Self.cleanPart))</svg>
            """
    }

    /// A mark that is inside the picture even at its ends.
    private func tick(_ kind: String, _ place: Double) -> HTML {
        let x = HTML.percent(0.003 + place * 0.994)
        return "<line class=\"\(kind)\" x1=\"\(x)\" x2=\"\(x)\" y1=\"0\" y2=\"18\"/>"
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
