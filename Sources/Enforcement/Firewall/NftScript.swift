public import NetworkAddresses
import Nftables
public import Quarantine

/// The exact rules that enforcing installs, as a script for `nft -f`.
///
/// Made from the same description as the actuator's netlink messages.
public enum NftScript {
    /// Renders what enforcing `actions` would have installed.
    ///
    /// Fences keep the time they were given, counted from the moment the script is loaded; the last
    /// word on a target counts, and what was released by hand is left out. Refusals become
    /// comments.
    ///
    /// - Parameter actions: in the order of decision.
    /// - Returns: a script that creates the tables if they are missing and adds the elements.
    public static func render(
        _ actions: [QuarantineAction], options: QuarantinePolicyOptions = QuarantinePolicyOptions(),
        keptNeighbours: [IPAddress] = []
    ) -> String {
        var last: [FenceTarget: QuarantineAction] = [:]
        var refusals: [QuarantineAction] = []
        for action in actions {
            switch action.kind {
            case .fence: last[action.target] = action
            case .extend:
                var extended = action
                extended.time = last[action.target]?.time ?? action.time
                last[action.target] = extended
            case .release: last[action.target] = nil
            case .expire: break
            case .refuse: refusals.append(action)
            }
        }
        let fences = last.values.sorted { $0.target < $1.target }
        let layout = FenceLayout(
            responses: Set(fences.map(\.response)), kept: options.kept,
            keptNeighbours: keptNeighbours, limitPacketsPerSecond: options.limitPacketsPerSecond)
        var text = "#!/usr/sbin/nft -f\n# What lazaret's enforcing installs.\n"
        for fence in fences {
            text += "#   \(fence.id) \(fence.target) \(fence.response.rawValue) for "
            text += "\((fence.until - fence.time) / 1_000_000_000) s: \(comment(fence.reason))"
            if !fence.eventID.isEmpty { text += " (event \(comment(fence.eventID)))" }
            text += "; undo: \(fence.undo)\n"
        }
        for action in refusals {
            guard case .refuse(let why) = action.kind else { continue }
            text += "#   not fenced: \(action.target): \(comment("\(why)"))\n"
        }
        text += render(layout)
        let elements = fences.map {
            FenceElement(
                target: $0.target, response: $0.response,
                timeoutMilliseconds: max(1, ($0.until - $0.time) / 1_000_000))
        }
        return text + render(flatten(elements))
    }

    /// The tables, sets, chains and rules without elements.
    static func render(_ layout: FenceLayout) -> String {
        layout.tables.map { table in
            let name = "\(table.family.word) \(FenceLayout.tableName)"
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
            // Loading the script again must not double the rules.
            for chain in table.chains { text += "flush chain \(name) \(chain.name)\n" }
            for chain in table.chains {
                for rule in chain.rules { text += "add rule \(name) \(chain.name) \(rule.text)\n" }
            }
            return text
        }.joined()
    }

    private static func render(_ elements: [FenceElement]) -> String {
        var text = "\n"
        for family in FenceLayout.Family.allCases {
            for element in elements {
                let key = FenceLayout.Key(element.target)
                guard key != .link || family == .bridge else { continue }
                let set = FenceLayout.SetSpec.name(element.response, key)
                text += "add element \(family.word) \(FenceLayout.tableName) \(set) "
                text += "{ \(element.target) timeout \(time(element.timeoutMilliseconds)) }\n"
            }
        }
        return text
    }

    /// Cuts overlapping prefixes into pieces, as the actuator does.
    private static func flatten(_ elements: [FenceElement]) -> [FenceElement] {
        var result = elements.filter(\.target.isSingle)
        let nets = Dictionary(grouping: elements.filter { !$0.target.isSingle }) {
            Group(response: $0.response, isIPv4: FenceLayout.Key($0.target).isIPv4)
        }
        for (group, members) in nets {
            let pieces = FencePieces.flatten(
                members.compactMap { element in
                    element.target.prefix.map {
                        .init(prefix: $0, until: element.timeoutMilliseconds)
                    }
                })
            result += pieces.map {
                FenceElement(
                    target: .prefix($0.prefix), response: group.response,
                    timeoutMilliseconds: $0.until)
            }
        }
        return result.sorted { ($0.target, $0.response) < ($1.target, $1.response) }
    }

    private struct Group: Hashable {
        var response: FenceResponse
        var isIPv4: Bool
    }

    private static func time(_ milliseconds: Int64) -> String {
        let seconds = milliseconds / 1000
        let rest = milliseconds % 1000
        return rest == 0 ? "\(seconds)s" : seconds == 0 ? "\(rest)ms" : "\(seconds)s\(rest)ms"
    }

    /// A text that cannot end its comment: reasons may carry names taken from packets.
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

/// One element of a fence set.
public struct FenceElement: Hashable, Sendable {
    public var target: FenceTarget
    public var response: FenceResponse
    /// Time until the kernel drops the element by itself.
    public var timeoutMilliseconds: Int64

    public init(target: FenceTarget, response: FenceResponse, timeoutMilliseconds: Int64) {
        self.target = target
        self.response = response
        self.timeoutMilliseconds = timeoutMilliseconds
    }
}
