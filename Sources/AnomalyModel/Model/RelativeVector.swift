package import FeatureExtraction

/// Turns raw windows into rows for the forest: how far each value lies from its group's own clean
/// range, in units of that range and of the feature's resolution.
package enum RelativeVector {
    /// Values of a row are limited to ± this.
    static let bound: Float = 40
    /// The smallest significant difference in a row.
    static let resolution: Float = 0.5

    /// Transformed values of a window.
    package static func transformed(_ values: borrowing FeatureValues, seconds: Int) -> [Float] {
        let length = FeatureMeasure.length(seconds: seconds)
        let table = FeatureSchema.measures
        let measures = table.span
        // A subscript of the values themselves would copy all of them each time.
        let values = values.span
        return [Float](capacity: measures.count) { (row: inout OutputSpan<Float>) in
            for column in measures.indices {
                row.append(measures[column].transformed(values[column], length: length))
            }
        }
    }

    /// The position of each value in its group's clean range: up to 1 at the largest clean value,
    /// and beyond that 1 plus the excess in resolutions.
    ///
    /// The rows of all groups thus fill the same range, and a distance beyond it means the same for
    /// each.
    package static func relative(_ transformed: [Float], to group: GroupBaseline) -> [Float] {
        var row: [Float] = []
        row.reserveCapacity(transformed.count)
        append(transformed.span, relativeTo: group, to: &row)
        return row
    }

    /// Appends the positions of a row's values.
    package static func append(
        _ transformed: Span<Float>, relativeTo group: GroupBaseline, to rows: inout [Float]
    ) {
        let demand = demand(transformed, beyond: group)
        let table = FeatureSchema.measures
        // Spans need no look at the arrays for each value.
        let (measures, medians) = (table.span, group.median.span)
        let (p99s, tops) = (group.p99.span, group.largest.span)
        rows.append(addingCapacity: measures.count) { (rows: inout OutputSpan<Float>) in
            for column in measures.indices {
                let measure = measures[column]
                let value = transformed[column]
                let median = medians[column]
                let p99 = p99s[column]
                let share = (min(value, p99) - median) / (p99 - median + measure.resolution)
                guard value > p99 else {
                    rows.append(max(share, -bound))
                    continue
                }
                let largest = tops[column]
                let tail = max(largest - p99, 0.001)
                let place = share + (1 - share) * min((value - p99) / tail, 1)
                rows.append(min(place + excess(value, measure, demand, largest), bound))
            }
        }
    }

    /// The number of resolutions by which each value exceeds the largest value in the group's clean
    /// windows; 0 within the range.
    ///
    /// Features that grow with demand are compared relative to it: a proxy that gets ten times as
    /// many requests may send ten times as many.
    package static func excess(_ transformed: [Float], over group: GroupBaseline) -> [Float] {
        var row = transformed
        let demand = demand(transformed.span, beyond: group)
        let measures = FeatureSchema.measures
        for column in measures.indices {
            row[column] = excess(
                transformed[column], measures[column], demand, group.largest[column])
        }
        return row
    }

    /// The same for a value in place of a feature's own.
    ///
    /// - Parameter value: in the feature's unit.
    package static func excess(
        of value: Float, as feature: Feature, _ transformed: [Float], seconds: Int,
        over group: GroupBaseline
    ) -> Float {
        let measure = FeatureSchema.measures[feature.rawValue]
        let length = FeatureMeasure.length(seconds: seconds)
        return excess(
            measure.transformed(value, length: length), measure,
            demand(transformed.span, beyond: group), group.largest[feature.rawValue])
    }

    private static func demand(_ transformed: Span<Float>, beyond group: GroupBaseline) -> Float {
        let served = Feature.served.rawValue
        return max(0, transformed[served] - group.largest[served])
    }

    @inline(__always)
    private static func excess(
        _ value: Float, _ measure: FeatureMeasure, _ demand: Float, _ largest: Float
    ) -> Float {
        max(
            0,
            (value - max(largest, measure.ordinary) - (measure.followsDemand ? demand : 0))
                / measure.resolution)
    }
}

/// Raw values of a window up to which nothing exceeds a group's clean range by a resolution: most
/// windows are compared with them alone, without a logarithm for each value.
package struct OrdinaryAmounts: Sendable {
    /// `[Feature.count]`
    private let limits: [Float]

    /// The limits are rounded down further than the logarithms' errors.
    private static let margin: Float = 0.999

    /// The limits for windows of `seconds`.
    package init(of group: GroupBaseline, seconds: Int) {
        let length = FeatureMeasure.length(seconds: seconds)
        limits = FeatureSchema.measures.enumerated().map { column, measure in
            let top = max(group.largest[column], measure.ordinary) + measure.resolution
            return measure.raw(top, length: length) * Self.margin
        }
    }

    /// Whether no value exceeds the clean range by a resolution; false where that is not certain.
    package func contain(_ values: borrowing FeatureValues) -> Bool {
        Self.contain(values, limits.span, from: 0)
    }

    /// The same for limits that `append` has added to others, from a place on.
    package static func contain(
        _ values: borrowing FeatureValues, _ limits: Span<Float>, from start: Int
    ) -> Bool {
        let limits = limits.extracting(start..<start + Feature.count)
        let values = values.span
        // A value that is not a number is not below its limit. Nearly all windows pass: no early
        // exit.
        var above = 0
        for column in 0..<Feature.count { above |= values[column] < limits[column] ? 0 : 1 }
        return above == 0
    }

    package func append(to limits: inout [Float]) { limits += self.limits }
}
