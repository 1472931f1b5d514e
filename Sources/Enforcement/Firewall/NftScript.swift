public import NetworkAddresses
import Nftables
public import Quarantine
import Timestamps

/// The exact rules that enforcing installs, as a script for `nft -f`.
///
/// It is created from the same description as the actuator's netlink messages.
public enum NftScript {
    /// Renders the rules that enforcing `decisions` would have installed.
    ///
    /// Rules keep their durations, counted from the time when the script is loaded. The last
    /// decision on a target and an action counts, and released rules are left out. Refusals
    /// become comments.
    ///
    /// - Parameter decisions: in order.
    /// - Returns: a script that creates the tables if they are missing and adds the elements.
    public static func render(
        _ decisions: [QuarantineDecision],
        options: QuarantinePolicyOptions = QuarantinePolicyOptions(),
        keptNeighbours: [IPAddress] = []
    ) -> String {
        var last: [QuarantineRule.Key: QuarantineRule] = [:]
        var refusals: [(target: QuarantineTarget, why: QuarantineDecision.Refusal)] = []
        for decision in decisions {
            switch decision.kind {
            case .add, .extend: last[decision.rule.key] = decision.rule
            case .release: last[decision.rule.key] = nil
            case .expire: break
            case .refuse(let why): refusals.append((decision.target, why))
            }
        }
        let rules = last.values.sorted { $0.key < $1.key }
        let layout = FirewallLayout(
            actions: Set(rules.map(\.action)), hasPorts: rules.contains { $0.target.isPort },
            kept: options.kept,
            keptNeighbours: keptNeighbours, limitPacketsPerSecond: options.limitPacketsPerSecond,
            protectedConnectionsPerSecond: options.protectedConnectionsPerSecond)
        var text = "#!/usr/sbin/nft -f\n# What lazaret's enforcing installs.\n"
        for rule in rules {
            text += "#   \(rule.id) \(rule.target) \(rule.action.rawValue) for "
            text += "\((rule.expires - rule.created).wholeSeconds) s: \(comment(rule.reason))"
            if !rule.eventID.isEmpty { text += " (event \(comment(rule.eventID)))" }
            text += "; undo: \(rule.undo)\n"
        }
        for (target, why) in refusals {
            text += "#   not fenced: \(target): \(comment("\(why)"))\n"
        }
        // Each element's timeout is the duration of its rule: compute them as if all rules started
        // in 1970.
        let lengths = rules.map { rule in
            var rule = rule
            rule.expires = .epoch + (rule.expires - rule.created)
            return rule
        }
        let elements = Firewall.laidOut(lengths).mapValues { $0 - .epoch }
        return text + render(layout) + render(elements)
    }

    /// The tables, sets, chains and rules without elements.
    static func render(_ layout: FirewallLayout) -> String {
        layout.tables.map { table in
            let name = "\(table.family.word) \(FirewallLayout.tableName)"
            var text = "\nadd table \(name)\n"
            for set in table.sets {
                let flags =
                    set.key.isSeen
                    ? "dynamic" : set.key.isInterval ? "interval,timeout" : "timeout"
                var statements = set.isCounting ? ["counter"] : []
                if let rate = set.rate {
                    statements.insert("limit rate over \(rate)/second burst \(rate) packets", at: 0)
                }
                let parts =
                    ["type \(set.key.typeWord)", "flags \(flags)"]
                    + (statements.isEmpty ? [] : [statements.joined(separator: " ")])
                text += "add set \(name) \(set.name) { \(parts.joined(separator: "; ")); }\n"
            }
            for chain in table.chains {
                text += "add chain \(name) \(chain.name)"
                if let base = chain.base {
                    text += " { type filter hook \(base.hook.word) "
                    text += "priority \(base.priority); policy accept; }"
                }
                text += "\n"
            }
            // Loading the script again must not duplicate the rules.
            for chain in table.chains { text += "flush chain \(name) \(chain.name)\n" }
            for chain in table.chains {
                for rule in chain.rules { text += "add rule \(name) \(chain.name) \(rule.text)\n" }
            }
            return text
        }.joined()
    }

    /// - Parameter lengths: the timeout of each element.
    private static func render(_ lengths: [QuarantineRule.Key: Interval]) -> String {
        var text = "\n"
        let elements = lengths.sorted { $0.key < $1.key }
        for family in FirewallLayout.Family.allCases {
            for (element, length) in elements {
                let key = FirewallLayout.Key(element.target)
                guard key != .link || family == .bridge else { continue }
                let set = FirewallLayout.SetSpec.name(element.action, key)
                text += "add element \(family.word) \(FirewallLayout.tableName) \(set) "
                text += "{ \(element.target.scriptText) "
                text += "timeout \(time(max(1, length.wholeMilliseconds))) }\n"
            }
        }
        return text
    }

    private static func time(_ milliseconds: Int64) -> String {
        let seconds = milliseconds / 1000
        let rest = milliseconds % 1000
        return rest == 0 ? "\(seconds)s" : seconds == 0 ? "\(rest)ms" : "\(seconds)s\(rest)ms"
    }

    /// Returns a text that cannot end its comment, because reasons may contain names from packets.
    private static func comment(_ text: String) -> String {
        var safe = String.UnicodeScalarView()
        for scalar in text.unicodeScalars {
            let category = scalar.properties.generalCategory
            let isBad =
                category == .control || category == .lineSeparator
                || category == .paragraphSeparator || scalar == "\\"
            safe.append(isBad ? " " : scalar)
        }
        return String(safe)
    }
}

extension QuarantineTarget {
    /// The notation of an element of a set.
    fileprivate var scriptText: String {
        if case .port(let name) = self { return "\"\(name)\"" }
        return description
    }
}
