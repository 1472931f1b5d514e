internal import AnomalyDetection
internal import NetworkAddresses

extension HTMLReport {
    /// The greatest number of rows of each table of contacts.
    private static let contactLimit = 300
    /// The number of rows that are shown at first.
    private static let shownLimit = 12

    /// The contact graph as a picture and as tables.
    var graphSection: HTML {
        let picture = HTMLContactGraph(
            contacts, notes: notes, targets: targets, hasBaseline: model != nil)
        let content: HTML =
            contacts.contacts.isEmpty
            ? "<p>Nobody opened a flow.</p>" : "\(picture.svg)\n\(tables(picture.graph))"
        return """
            <section id="graph" aria-labelledby="graph-title">
            <h2 id="graph-title">Communication graph</h2>
            <p class="muted small">Arrows point from who opens flows to who answers.</p>
            \(content)
            </section>
            """
    }

    /// The notes on the offenders, by name.
    private var notes: [String: String] {
        var counts: [String: Int] = [:]
        for incident in incidents { counts[line(of: incident), default: 0] += 1 }
        for entry in ranking where entry.pattern != nil {
            counts[entry.workload.isEmpty ? "\(entry.subject)" : entry.workload, default: 0] += 1
        }
        let word = model == nil ? ("anomalous host", "anomalous hosts") : ("incident", "incidents")
        return counts.mapValues { "\($0) \($0 == 1 ? word.0 : word.1)" }
    }

    /// The names of those that the incidents are about.
    private var targets: Set<String> {
        Set(
            incidents.compactMap { incident in
                guard let target = incident.attacked, let address = target.address else {
                    return nil
                }
                let name = target.workload ?? "\(address)"
                return contacts.node(named: name) == nil ? nil : name
            })
    }

    private func tables(_ graph: ContactGraph) -> HTML {
        let all = graph.sortedContacts
        guard model != nil else {
            return
                """
                <details><summary>All \(all.count) \
                pairs</summary>\(table(graph, all, onlyNew: false))</details>
                """
        }
        let new = all.filter(\.contact.isNew).sorted {
            ($1.contact.newFlowCount, graph.nodes[$0.pair.from].name)
                < ($0.contact.newFlowCount, graph.nodes[$1.pair.from].name)
        }
        let known = all.filter { !$0.contact.services.isEmpty }
        let newTable: HTML =
            new.isEmpty
            ? "<p>No contact in this capture is new to the baseline.</p>"
            : table(graph, Array(new.prefix(Self.shownLimit)), onlyNew: true)
        let rest = Array(new.dropFirst(Self.shownLimit))
        let restTable: HTML =
            rest.isEmpty
            ? ""
            : """
            <details><summary>\(rest.count) more new \
            ones</summary>\(table(graph, rest, onlyNew: true))</details>
            """
        return """
            \(newTable)
            \(restTable)
            <details><summary>\(known.count) pairs that the baseline \
            knows</summary>\(table(graph, known, onlyNew: false))</details>
            """
    }

    private func table(
        _ graph: ContactGraph,
        _ rows: [(pair: ContactGraph.Pair, contact: ContactGraph.Contact)], onlyNew: Bool
    ) -> HTML {
        let caption =
            onlyNew
            ? "Contacts that the baseline never saw, most flows first"
            : model == nil ? "Initiators and responders" : "Contacts that the baseline knows"
        let body: [HTML] = rows.prefix(Self.contactLimit).map { pair, contact in
            let flows = onlyNew ? contact.newFlowCount : contact.flowCount - contact.newFlowCount
            let services =
                onlyNew || model == nil
                ? contact.serviceText(onlyNew: onlyNew) : contact.services.joined(separator: ", ")
            return """
                <tr><th \
                scope="row">\(graph.nodes[pair.from].name)</th>\
                <td>\(graph.nodes[pair.to].name)</td>\
                <td>\(services)</td><td class="n">\(HTML.grouped(flows))</td></tr>

                """
        }
        let more: HTML =
            rows.count > Self.contactLimit
            ? """
            <p class="muted small">and \(HTML.grouped(rows.count - Self.contactLimit)) more</p>
            """
            : ""
        return """
            <div class="scroll"><table><caption>\(caption)</caption>
            <thead><tr><th scope="col">From</th><th scope="col">To</th><th \
            scope="col">Services</th><th scope="col" class="n">Flows here</th></tr></thead>
            <tbody>\(body)</tbody></table></div>\(more)
            """
    }
}
