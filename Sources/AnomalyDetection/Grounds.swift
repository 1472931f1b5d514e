import AnomalyModel
import AttackPatterns
import FeatureExtraction
import IsolationForest

/// What the reasons of a verdict rest on.
///
/// Most verdicts only continue an incident and are never shown. The reasons of a window, an
/// attribution by the forest and texts, are therefore made when they are asked for. Windows are
/// kept apart: a verdict, or its absence, is returned for each window, and moved as a whole.
enum Grounds: Sendable {
    /// Reasons that were made with the verdict.
    case stated([Verdict.Reason])
    /// A window beyond its group's clean range.
    indirect case window(JudgedWindow)

    var reasons: [Verdict.Reason] {
        switch self {
        case .stated(let reasons): reasons
        case .window(let judged): judged.reasons
        }
    }

    /// Calls `body` with the features beyond the clean range, and their raw values.
    func forEachExcess(_ body: (Feature, Float) -> Void) {
        switch self {
        case .stated(let reasons):
            for reason in reasons { body(reason.feature, reason.value) }
        case .window(let judged):
            for feature in Feature.allCases where judged.excess[feature.rawValue] > 0 {
                body(feature, judged.window[feature])
            }
        }
    }
}

/// A window with what it was compared with.
struct JudgedWindow: Sendable {
    var window: Window
    var baseline: GroupBaseline
    /// `[Feature.count]` resolutions beyond the clean range.
    var excess: [Float]
    /// `[Feature.count]`, as the forest scored it.
    var row: [Float]
    var forest: IsolationForest
    /// The feature that measures the pattern: if it exceeds the clean range, it comes first.
    var measure: Feature?
    /// Follows the first reason's text.
    var remark: String?

    /// The five features with the greatest weight, of those that exceed the clean range by a
    /// resolution or more.
    var reasons: [Verdict.Reason] {
        var shares = [Float](repeating: 0, count: Feature.count)
        forest.attribute(row, to: &shares)
        func weight(_ feature: Feature) -> Float {
            shares[feature.rawValue] * excess[feature.rawValue]
        }
        var order = Feature.allCases.filter { excess[$0.rawValue] >= 1 }
            .sorted { weight($0) > weight($1) }
        if let measure, let place = order.firstIndex(of: measure) {
            order.remove(at: place)
            order.insert(measure, at: 0)
        }
        return order.prefix(5).map { feature in
            let column = feature.rawValue
            let description = FeatureSchema.description(of: feature)
            let seconds = window.scale.seconds
            let remark = feature == order.first ? remark ?? "" : ""
            func raw(_ values: [Float]) -> Float {
                description.raw(values[column], seconds: seconds)
            }
            return Verdict.Reason(
                feature: feature, value: window[feature], baselineMedian: raw(baseline.median),
                baselineP99: raw(baseline.p99), baselineLargest: raw(baseline.largest),
                share: shares[column],
                text: Explanation.sentence(
                    description, value: window[feature], largest: raw(baseline.largest),
                    window: window) + remark)
        }
    }
}
