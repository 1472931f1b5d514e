/// A contact graph as SVG: names on a ring, those of a network side by side. The same graph always
/// yields the same picture.
public struct HTMLContactGraph: Sendable {
    /// The greatest number of nodes that are distinguishable.
    public static let nodeLimit = 36

    public var graph: ContactGraph
    /// The notes shown next to nodes, by name; a node with a note is drawn as an offender.
    public var notes: [String: String]
    /// Whether there is a baseline with contacts.
    public var hasBaseline: Bool

    public init(_ graph: ContactGraph, notes: [String: String], hasBaseline: Bool) {
        self.graph = graph.gathered(limit: Self.nodeLimit, keeping: Set(notes.keys))
        self.notes = notes
        self.hasBaseline = hasBaseline
    }

    private struct Point {
        var x: Double
        var y: Double
    }

    private static let width = 900.0
    /// Pixels from one name to the next.
    private static let row = 36.0

    /// The indices of the nodes, grouped by network, outside nodes last.
    private var order: [Int] {
        graph.nodes.indices.sorted {
            let (left, right) = (graph.nodes[$0], graph.nodes[$1])
            return (left.network == "outside" ? 1 : 0, left.network, left.name)
                < (right.network == "outside" ? 1 : 0, right.network, right.name)
        }
    }

    private var height: Double { Double(max((graph.nodes.count + 1) / 2, 6)) * Self.row + 24 }
    private var middle: Point { Point(x: Self.width / 2, y: height / 2) }

    /// The position of each node, clockwise from the top: down the right side and up the left, each
    /// in a row of its own, so that no name covers another.
    private var places: [Point] {
        let order = order
        let rightCount = (order.count + 1) / 2
        var places = [Point](repeating: middle, count: order.count)
        for (position, index) in order.enumerated() {
            let isRight = position < rightCount
            let row = isRight ? position : order.count - 1 - position
            let rows = isRight ? rightCount : order.count - rightCount
            let y = (Double(row) + 0.5) / Double(rows) * (height - 24) + 12
            let offset = (y - middle.y) / (height / 2)
            let x = 80 + 200 * (1 - offset * offset).squareRoot()
            places[index] = Point(x: middle.x + (isRight ? x : -x), y: y)
        }
        return places
    }

    public var svg: HTML {
        let places = places
        let sorted = graph.sortedContacts.filter { $0.pair.from != $0.pair.to }
        let known = sorted.filter { !$0.contact.isNew }
        let new = sorted.filter(\.contact.isNew)
        return """
            <div class="scroll" tabindex="0" role="region" \
            aria-label="Picture of the communication graph">
            <svg class="graph" role="img" viewBox="0 0 \(.number(Self.width)) \(.number(height))">\
            <title>Communication graph</title><desc>\(words(known.count, new.count))</desc>
            <defs>\(tip("known"))\(tip("new"))</defs>
            \(known.map { edge($0.pair, $0.contact, places) })\
            \(new.map { edge($0.pair, $0.contact, places) })
            \(graph.nodes.indices.map { node($0, places[$0]) })</svg>
            </div>
            \(legend)
            """
    }

    private func words(_ known: Int, _ new: Int) -> String {
        let offenders = graph.nodes.map(\.name).filter { notes[$0] != nil }.sorted()
        let what =
            hasBaseline
            ? "\(known) pairs that the baseline knows, \(new) with contacts new to it."
            : "\(known + new) pairs."
        let who = offenders.isEmpty ? "" : " Marked: \(offenders.joined(separator: ", "))."
        return "\(graph.nodes.count) names, \(what)\(who) The tables below say the same in words."
    }

    private func tip(_ kind: String) -> HTML {
        """
        <marker id="tip-\(kind)" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" \
        markerHeight="7" \
        markerUnits="userSpaceOnUse" orient="auto"><path class="tip-\(kind)" \
        d="M0 0L8 4L0 8z"/></marker>
        """
    }

    /// A curve towards the middle; the opposite direction has a different curve.
    private func edge(
        _ pair: ContactGraph.Pair, _ contact: ContactGraph.Contact, _ places: [Point]
    ) -> HTML {
        let (start, end) = (places[pair.from], places[pair.to])
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
            <path class="\(kind)" marker-end="url(#tip-\(kind))" \
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

    private func node(_ index: Int, _ place: Point) -> HTML {
        let node = graph.nodes[index]
        let note = notes[node.name]
        let (x, y) = (HTML.number(place.x.rounded()), HTML.number(place.y.rounded()))
        let isLeft = place.x < middle.x
        let labelX = HTML.number((place.x + (isLeft ? -16 : 16)).rounded())
        let shape: HTML =
            note == nil
            ? "<circle class=\"node\" cx=\"\(x)\" cy=\"\(y)\" r=\"6\"/>"
            : "<path class=\"bad\" d=\"M\(x) \(y)m0-10l10 10l-10 10l-10-10z\"/>"
        let below = [node.name.hasSuffix(node.network) ? nil : node.network, note].compactMap { $0 }
            .joined(separator: ", ")
        return """
            \(shape)<text class="name" x="\(labelX)" y="\(.number(place.y.rounded() - 1))" \
            text-anchor="\(isLeft ? "end" : "start")">\(Self.short(node.name))\
            <tspan class="dim" x="\(labelX)" dy="14">\(Self.short(below))</tspan></text>

            """
    }

    /// Truncates a name; names may be long.
    private static func short(_ text: String) -> String {
        text.count > 30 ? text.prefix(29) + "…" : text
    }

    private var legend: HTML {
        let new: HTML =
            hasBaseline
            ? """
            <li><svg width="34" height="10" class="graph" style="min-width:0;width:34px" \
            aria-hidden="true"><path class="new" d="M0 5H34"/></svg>dashed: contact that the \
            baseline never saw</li>
            """ : ""
        return """
            <ul class="legend">
            <li><svg width="34" height="10" class="graph" style="min-width:0;width:34px" \
            aria-hidden="true"><path class="known" \
            d="M0 \
            5H34"/></svg>\(hasBaseline ? "solid: contact that the baseline knows" : "contact")</li>
            \(new)
            <li><svg width="22" height="22" class="graph" style="min-width:0;width:22px" \
            aria-hidden="true"><path class="bad" \
            d="M11 11m0-10l10 10l-10 10l-10-10z"/></svg>diamond: \
            \(hasBaseline ? "offender" : "anomalous host")</li>
            </ul>
            """
    }
}
