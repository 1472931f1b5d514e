/// A time line of scores as SVG of variable width. Anomalous scores differ by colour and by height
/// over the threshold; marks have a number.
public struct HTMLScoreLine: Sendable {
    /// A period with a label, as shares of the whole axis, 0...1.
    public struct Mark: Sendable {
        public var start: Double
        public var end: Double
        public var label: String

        public init(start: Double, end: Double, label: String) {
            self.start = start
            self.end = end
            self.label = label
        }
    }

    /// A score with a text beside it; a threshold also has a dashed line.
    public struct Level: Sendable {
        public var value: Float
        public var text: String
        public var isThreshold: Bool

        public init(value: Float, text: String, isThreshold: Bool = false) {
            self.value = value
            self.text = text
            self.isThreshold = isThreshold
        }
    }

    /// The score of each bin, 0...1; nil if it has none.
    public var scores: [Float?]
    /// The scores of the anomalous windows, by bin.
    public var odd: [Float?]
    /// The number of bins of the whole axis; at least those with scores.
    public var binCount: Int
    /// The scores that are marked at the left.
    public var levels: [Level]
    public var marks: [Mark] = []
    /// The picture's title, and a description in words.
    public var title: String
    public var summary: String

    public init(
        scores: [Float?], odd: [Float?], binCount: Int, levels: [Level], marks: [Mark] = [],
        title: String, summary: String
    ) {
        self.scores = scores
        self.odd = odd
        self.binCount = max(binCount, scores.count, 1)
        self.levels = levels
        self.marks = marks
        self.title = title
        self.summary = summary
    }

    /// The layout in pixels: the numbers' row, then the curve.
    private static let top = 14
    private static let height = 56
    /// The least distance of two numbers, so they do not overlap on a phone.
    private static let labelGap = 0.05

    public var svg: HTML {
        let curve: HTML = """
            <svg y="\(Self.top)" width="100%" height="\(Self.height - Self.top)" \
            viewBox="0 0 \(binCount) 100" preserveAspectRatio="none">\
            <path class="all" d="\(path(scores))"/><path class="odd" d="\(path(odd))"/></svg>
            """
        return """
            <svg class="line" role="img" \
            height="\(Self.height)"><title>\(title)</title><desc>\(summary)</desc>\
            \(marks.map(band))\(curve)\
            \(levels.map(level))\(labels)</svg>
            """
    }

    /// Its text is left of the picture, in the margin of the cell.
    private func level(_ level: Level) -> HTML {
        let y = Double(Self.height) - Double(level.value) * Double(Self.height - Self.top)
        let rule: HTML =
            level.isThreshold || level.value == 0
            ? """
            <line class="\(level.isThreshold ? "least" : "zero")" x1="0" x2="100%" \
            y1="\(.number(y))" y2="\(.number(y))"/>
            """ : ""
        let base = level.value == 0 ? y : level.value == 1 ? y + 8 : y + 4
        return """
            \(rule)<text class="level" x="-6" y="\(.number(base))" \
            text-anchor="end">\(level.text)</text>
            """
    }

    private func band(_ mark: Mark) -> HTML {
        let width = max(mark.end - mark.start, 0.002)
        return """
            <rect class="mark" x="\(.percent(mark.start))" width="\(.percent(width))" \
            y="\(Self.top)" height="\(Self.height - Self.top)"/>\
            <line class="edge" x1="\(.percent(mark.start))" x2="\(.percent(mark.start))" \
            y1="\(Self.top - 2)" y2="\(Self.height)"/>
            """
    }

    /// The marks' numbers, except those that would overlap.
    private var labels: [HTML] {
        var last = -1.0
        return marks.sorted { $0.start < $1.start }.compactMap { mark in
            guard mark.start - last >= Self.labelGap else { return nil }
            last = mark.start
            let isAtEnd = mark.start > 0.94
            return """
                <text x="\(.percent(mark.start))" y="9" \
                text-anchor="\(isAtEnd ? "end" : "start")">\(mark.label)</text>
                """
        }
    }

    /// The values as a step curve, in a box with one unit per bin in width and 100 in height.
    private func path(_ values: [Float?]) -> HTML {
        var text = ""
        var before: Int?
        for (index, value) in values.enumerated() {
            let y = value.map { 100 - Int((min(max($0, 0), 1) * 100).rounded()) }
            guard y != before else { continue }
            switch (before, y) {
            case (nil, let y?): text += "M\(index) 100V\(y)"
            case (_?, let y?): text += "H\(index)V\(y)"
            case (_?, nil): text += "H\(index)V100Z"
            default: break
            }
            before = y
        }
        if before != nil { text += "H\(values.count)V100Z" }
        return HTML(stringLiteral: text)
    }
}

extension HTMLScoreLine {
    /// An axis with labels at positions of 0...1, as wide as the lines below it.
    ///
    /// - Parameter title: date and zone.
    public static func axis(_ labels: [(place: Double, text: String)], title: String) -> HTML {
        let ticks: [HTML] = labels.map { label in
            let anchor = label.place < 0.03 ? "start" : label.place > 0.97 ? "end" : "middle"
            return """
                <line x1="\(.percent(label.place))" x2="\(.percent(label.place))" y1="31" y2="36"/>\
                <text x="\(.percent(label.place))" y="27" \
                text-anchor="\(anchor)">\(label.text)</text>
                """
        }
        return """
            <svg class="axis" height="36"><text x="0" y="11">\(title)</text>\
            <g aria-hidden="true">\(ticks)</g></svg>
            """
    }
}
