/// A contact graph as SVG: names in two columns, those of a network side by side, and arrows
/// between them. The same graph always yields the same picture.
///
/// A picture is drawn twice, for wide and for narrow pages, so that its text has the same size on
/// both; the style shows one of them.
public struct HTMLContactGraph: Sendable {
    /// The greatest number of nodes that are distinguishable.
    public static let nodeLimit = 36

    public var graph: ContactGraph
    /// The notes shown next to nodes, by name; a node with a note is drawn as an offender.
    public var notes: [String: String]
    /// The names of nodes that were attacked.
    public var targets: Set<String>
    /// Whether there is a baseline with contacts.
    public var hasBaseline: Bool

    public init(
        _ graph: ContactGraph, notes: [String: String], targets: Set<String> = [],
        hasBaseline: Bool
    ) {
        let kept = Set(notes.keys).union(targets)
        self.graph = graph.gathered(limit: Self.nodeLimit, keeping: kept)
        self.notes = notes
        self.targets = targets
        self.hasBaseline = hasBaseline
    }

    private struct Point {
        var x: Double
        var y: Double
    }

    /// The measures of a picture in pixels.
    private struct Layout {
        var kind: String
        var width: Double
        /// From the middle to a column, at its ends and in its middle.
        var reach: ClosedRange<Double>
        /// The most characters of a name, which fit between a column and the picture's edge.
        var letters: Int

        static let wide = Layout(kind: "wide", width: 900, reach: 80...200, letters: 29)
        static let narrow = Layout(kind: "narrow", width: 320, reach: 26...44, letters: 11)
    }

    /// Pixels from one line of a name to the next.
    private static let line = 14.0

    /// Pixels from one name to the next: room for two lines of text, or for the longest name.
    private func row(_ layout: Layout) -> Double {
        let most = graph.nodes.map { lines(of: $0, layout).count }.max() ?? 2
        return 8 + Self.line * Double(max(2, most))
    }

    /// The indices of the nodes, grouped by network, outside nodes last.
    private var order: [Int] {
        graph.nodes.indices.sorted {
            let (left, right) = (graph.nodes[$0], graph.nodes[$1])
            return (left.network == "outside" ? 1 : 0, left.network, left.name)
                < (right.network == "outside" ? 1 : 0, right.network, right.name)
        }
    }

    private func height(_ layout: Layout) -> Double {
        Double(max((graph.nodes.count + 1) / 2, 6)) * row(layout) + 24
    }

    private func middle(_ layout: Layout) -> Point {
        Point(x: layout.width / 2, y: height(layout) / 2)
    }

    /// The position of each node, clockwise from the top: down the right side and up the left, each
    /// in a row of its own, so that no name covers another.
    private func places(_ layout: Layout) -> [Point] {
        let order = order
        let (middle, height) = (middle(layout), height(layout))
        let rightCount = (order.count + 1) / 2
        var places = [Point](repeating: middle, count: order.count)
        for (position, index) in order.enumerated() {
            let isRight = position < rightCount
            let row = isRight ? position : order.count - 1 - position
            let rows = isRight ? rightCount : order.count - rightCount
            let y = (Double(row) + 0.5) / Double(rows) * (height - 24) + 12
            let offset = (y - middle.y) / (height / 2)
            let more = layout.reach.upperBound - layout.reach.lowerBound
            let x = layout.reach.lowerBound + more * (1 - offset * offset).squareRoot()
            places[index] = Point(x: middle.x + (isRight ? x : -x), y: y)
        }
        return places
    }

    public var svg: HTML {
        """
        \(picture(.wide))
        \(picture(.narrow))
        \(legend)
        """
    }

    private func picture(_ layout: Layout) -> HTML {
        let places = places(layout)
        let sorted = graph.sortedContacts.filter { $0.pair.from != $0.pair.to }
        let known = sorted.filter { !$0.contact.isNew }
        let new = sorted.filter(\.contact.isNew)
        let (width, height) = (HTML.number(layout.width), HTML.number(height(layout)))
        return """
            <svg class="graph \(layout.kind)" role="img" viewBox="0 0 \(width) \(height)">\
            <title>Communication graph</title><desc>\(words(known.count, new.count))</desc>
            <defs>\(tip("known", layout))\(tip("new", layout))</defs>
            \(known.map { edge($0.pair, $0.contact, places, layout) })\
            \(new.map { edge($0.pair, $0.contact, places, layout) })
            \(graph.nodes.indices.map { node($0, places[$0], layout) })</svg>
            """
    }

    private func words(_ known: Int, _ new: Int) -> String {
        func list(_ label: String, _ isIn: (String) -> Bool) -> String {
            let names = graph.nodes.map(\.name).filter(isIn).sorted()
            return names.isEmpty ? "" : " \(label): \(names.joined(separator: ", "))."
        }
        let what =
            hasBaseline
            ? "\(known) pairs that the baseline knows, \(new) with contacts new to it."
            : "\(known + new) pairs."
        return "\(graph.nodes.count) names, \(what)" + list("Offenders") { notes[$0] != nil }
            + list("Targets", targets.contains) + " The tables below say the same in words."
    }

    private func tip(_ kind: String, _ layout: Layout) -> HTML {
        """
        <marker id="tip-\(kind)-\(layout.kind)" viewBox="0 0 8 8" refX="7" refY="4" \
        markerWidth="7" markerHeight="7" markerUnits="userSpaceOnUse" orient="auto">\
        <path class="tip-\(kind)" d="M0 0L8 4L0 8z"/></marker>
        """
    }

    /// A curve towards the middle; the opposite direction has a different curve.
    private func edge(
        _ pair: ContactGraph.Pair, _ contact: ContactGraph.Contact, _ places: [Point],
        _ layout: Layout
    ) -> HTML {
        let (start, end, middle) = (places[pair.from], places[pair.to], middle(layout))
        let half = Point(x: (start.x + end.x) / 2, y: (start.y + end.y) / 2)
        let across = Point(x: start.y - end.y, y: end.x - start.x)
        let bend = Point(
            x: half.x + (middle.x - half.x) * 0.6 + across.x * 0.06,
            y: half.y + (middle.y - half.y) * 0.35 + across.y * 0.06)
        let (from, to) = (Self.moved(start, towards: bend), Self.moved(end, towards: bend))
        let kind = contact.isNew ? "new" : "known"
        let title =
            "\(graph.nodes[pair.from].name) to \(graph.nodes[pair.to].name): "
            + contact.serviceText(onlyNew: false)
        return """
            <path class="\(kind)" marker-end="url(#tip-\(kind)-\(layout.kind))" \
            d="M\(Self.point(from))Q\(Self.point(bend)) \
            \(Self.point(to))"><title>\(title)</title></path>

            """
    }

    /// The point moved slightly towards `other`, so lines start and end next to their nodes.
    private static func moved(_ point: Point, towards other: Point) -> Point {
        let (x, y) = (other.x - point.x, other.y - point.y)
        let length = max((x * x + y * y).squareRoot(), 1)
        return Point(x: point.x + x / length * 11, y: point.y + y / length * 11)
    }

    private static func point(_ point: Point) -> HTML {
        "\(.number(point.x.rounded())) \(.number(point.y.rounded()))"
    }

    private func node(_ index: Int, _ place: Point, _ layout: Layout) -> HTML {
        let node = graph.nodes[index]
        let (x, y) = (HTML.number(place.x.rounded()), HTML.number(place.y.rounded()))
        let isLeft = place.x < layout.width / 2
        let labelX = HTML.number((place.x + (isLeft ? -16 : 16)).rounded())
        let lines = lines(of: node, layout)
        let top = place.y + Self.line / 2 - 1 - Self.line * Double(lines.count - 1) / 2
        let spans: [HTML] = lines.enumerated().map { number, line in
            let style: HTML = line.isName ? "" : "class=\"dim\" "
            let down: HTML = number == 0 ? "" : " dy=\"\(.number(Self.line))\""
            return "<tspan \(style)x=\"\(labelX)\"\(down)>\(line.text)</tspan>"
        }
        return """
            \(shape(node.name, x, y))<text class="name" x="\(labelX)" \
            y="\(.number(top.rounded()))" text-anchor="\(isLeft ? "end" : "start")">\
            <title>\(node.name)</title>\(spans)</text>

            """
    }

    /// A node's name and what is written below it.
    private func lines(
        of node: ContactGraph.Node, _ layout: Layout
    ) -> [(text: String, isName: Bool)] {
        let note = notes[node.name] ?? (targets.contains(node.name) ? "target" : nil)
        let network = node.name.hasSuffix(node.network) ? nil : node.network
        let below = [note, network].compactMap { $0 }.joined(separator: ", ")
        return Self.wrapped(node.name, layout.letters).map { ($0, true) }
            + Self.wrapped(below, layout.letters + 4).map { ($0, false) }
    }

    private func shape(_ name: String, _ x: HTML, _ y: HTML) -> HTML {
        if notes[name] != nil {
            return "<path class=\"bad\" d=\"M\(x) \(y)m0-10l10 10l-10 10l-10-10z\"/>"
        }
        if targets.contains(name) {
            return "<path class=\"hit\" d=\"M\(x) \(y)m-7-7h14v14h-14z\"/>"
        }
        return "<circle class=\"node\" cx=\"\(x)\" cy=\"\(y)\" r=\"6\"/>"
    }

    /// The most lines of one text; names may have thousands of letters.
    private static let lineLimit = 12

    /// A text in lines of at most so many letters, broken behind separators where it can be.
    private static func wrapped(_ text: String, _ letters: Int) -> [String] {
        var lines: [String] = []
        var rest = Substring(text)
        while rest.count > letters, lines.count < lineLimit - 1 {
            let line = rest.prefix(letters)
            let end = line.lastIndex { " .:/_-".contains($0) }.map(line.index(after:))
            let cut = rest[..<(end ?? line.endIndex)]
            lines.append(String(cut.last == " " ? cut.dropLast() : cut))
            rest = rest[cut.endIndex...]
        }
        if rest.count > letters { rest = rest.prefix(letters - 1) + "…" }
        return rest.isEmpty ? lines : lines + [String(rest)]
    }

    private var legend: HTML {
        func item(_ path: HTML, _ words: String, width: Int) -> HTML {
            """
            <li><svg width="\(width)" height="22" class="graph key" aria-hidden="true">\
            \(path)</svg>\(words)</li>

            """
        }
        let line = "M0 11H34"
        let known = item(
            "<path class=\"known\" d=\"\(line)\"/>",
            hasBaseline ? "solid: contact that the baseline knows" : "contact", width: 34)
        let new: HTML =
            hasBaseline
            ? item(
                "<path class=\"new\" d=\"\(line)\"/>",
                "dashed: contact that the baseline never saw", width: 34)
            : ""
        let bad = item(
            "<path class=\"bad\" d=\"M11 11m0-10l10 10l-10 10l-10-10z\"/>",
            "diamond: \(hasBaseline ? "offender" : "anomalous host")", width: 22)
        let target: HTML =
            targets.isEmpty
            ? ""
            : item("<path class=\"hit\" d=\"M4 4h14v14h-14z\"/>", "square: target", width: 22)
        return "<ul class=\"legend\">\(known)\(new)\(bad)\(target)</ul>"
    }
}
