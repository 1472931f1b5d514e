package import AnomalyModel
import AttackPatterns
import BaselineGraph
import FeatureExtraction
import TextFormats

/// What the feedback *benign* makes ordinary, as lines of text.
public struct FeedbackEffect: Sendable, Equatable {
    public var ordinary: [String] = []
    public var notCovered: [String] = []

    package init(ordinary: [String] = [], notCovered: [String] = []) {
        self.ordinary = ordinary
        self.notCovered = notCovered
    }

    /// - Parameter hasMoreContacts: whether there were more new contacts than are kept.
    package init(_ all: [Feedback], hasMoreContacts: Bool = false) {
        var contacts: [String] = []
        var counts = false
        var last: [String] = []
        for said in all {
            let contact = said.peer.map { "\($0) \(said.service)" }
            if said.excusesContact, let contact, !contacts.contains(contact) {
                contacts.append(contact)
            }
            if said.pattern?.isRule == true, let pattern = said.pattern {
                ordinary.append("\(pattern.title), whatever it amounts to")
            }
            let values = said.values.sorted { $0.key.rawValue < $1.key.rawValue }
                .filter { !(said.excusesContact && $0.key.isNovelty) }
            counts = counts || values.contains { $0.key.isNovelty }
            guard !values.isEmpty else { continue }
            let amounts = values.map { feature, value in
                FeatureSchema.description(of: feature).name + " "
                    + JSONObject.number(Double(value), digits: 2)
            }
            // What is ordinary in a window is ordinary in a longer one.
            guard amounts != last else { continue }
            last = amounts
            ordinary.append(
                "up to, in \(said.scale.seconds) s: " + amounts.joined(separator: ", "))
        }
        ordinary += contacts.map { "contact with \($0)" }
        let least = all.filter { !$0.values.isEmpty }.map(\.scale)
            .min { $0.rawValue < $1.rawValue }
        if let least {
            notCovered.append("greater values")
            if least != .short { notCovered.append("as much in less than \(least.seconds) s") }
        }
        notCovered.append("other workloads")
        if !contacts.isEmpty, !counts { notCovered.append("other new contacts") }
        if hasMoreContacts, !counts {
            notCovered.append("its new contacts after the first \(contacts.count)")
        }
    }

    /// Lines for an operator.
    ///
    /// - Parameter workload: whose behaviour it is.
    public func text(of workload: String) -> String {
        guard !ordinary.isEmpty else { return "" }
        let lines =
            ["ordinary from now on for \(workload):"] + ordinary.map { "  " + $0 }
            + ["not covered: " + notCovered.joined(separator: "; ")]
        return lines.map { $0.printable + "\n" }.joined()
    }
}
