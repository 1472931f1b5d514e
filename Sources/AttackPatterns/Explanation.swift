import BaselineGraph
package import FeatureExtraction
import NetworkAddresses

#if canImport(Glibc)
    import Glibc
#endif

/// Formats numbers as text for an operator.
package enum Explanation {
    /// "408 distinct destination ports in 10 s; clean maximum 6".
    package static func sentence(
        _ description: FeatureDescription, value: Float, largest: Float, window: Window
    ) -> String {
        let length = window.scale.seconds
        let amount = self.amount(value, description, window)
        let clean = "clean maximum \(number(largest, description))"
        switch description.feature {
        case .failedShare:
            return "\(amount) of the flows in \(length) s refused or unanswered; \(clean)"
        case .newEdges, .newPeers, .newPorts, .newNetworks, .newOutsidePeers, .newEdgeFailed:
            return "\(counted(amount, description)) in \(length) s"
                + " (last \(contact(window.lastContact))); \(clean)"
        case .outboundExcess, .outsideExcess:
            return
                """
                \(ratio(value)) times as much sent as fetched in \(length) s; clean maximum \
                \(ratio(largest))
                """
        case .regularity:
            return
                "regularity \(amount) of intervals to one peer (\(contact(window.regularContact)));"
                + " \(clean)"
        case .unsolicited where window.unsolicited.total > 0:
            return "\(counted(amount, description)) in \(length) s (\(window.unsolicited.text)); "
                + clean
        case .failedLogins where window.refusedLogins > 0:
            return "\(counted(amount, description)) in \(length) s"
                + " (\(window.refusedLogins) refused or ended by the server, "
                + "\(window.grantedLogins) granted); \(clean)"
        case .unsolicitedTargets:
            return "\(counted(amount, description)) in \(length) s"
                + " (last \(contact(window.unsolicitedContact))); \(clean)"
        case .dnsNameLength, .dnsNameEntropy, .bytesPerPacket, .icmpPayload:
            return "\(counted(amount, description)) over \(length) s; \(clean)"
        default:
            return "\(counted(amount, description)) in \(length) s; \(clean)"
        }
    }

    /// An amount with what is counted, which is singular after 1.
    private static func counted(_ amount: String, _ description: FeatureDescription) -> String {
        amount == "1"
            ? singulars[description.feature.rawValue] : "\(amount) \(description.counts)"
    }

    /// One of what each feature counts.
    private static let singulars = Feature.allCases.map { feature in
        let counts = FeatureSchema.description(of: feature).counts
        // The first plural of the text is what is counted.
        let found = plurals.compactMap { plural, singular in
            counts.firstRange(of: plural).map { (range: $0, singular: singular) }
        }.min { $0.range.lowerBound < $1.range.lowerBound }
        guard let found else { return "1 \(counts)" }
        return "1 " + counts[..<found.range.lowerBound] + found.singular
            + counts[found.range.upperBound...]
    }

    private static let plurals = [
        ("names that do not", "name that does not"), ("logins that were", "login that was"),
        ("packets that open no flow and continue", "packet that opens no flow and continues"),
        ("pairs", "pair"), ("flows", "flow"), ("addresses", "address"), ("networks", "network"),
        ("peers", "peer"), ("ports", "port"), ("names", "name"), ("packets", "packet"),
        ("queries", "query"), ("protocols", "protocol"),
    ]

    package static func contact(_ contact: Contact) -> String {
        let service = Service(ipProtocol: contact.ipProtocol, port: contact.port)
        guard contact.hasPorts else {
            return "\(contact.address) \(service)"
        }
        return "\(contact.address) \(Service.protocolName(contact.ipProtocol)) \(contact.port)"
    }

    /// A value of a window; "about 2951" if it is an estimate.
    package static func amount(
        _ value: Float, _ description: FeatureDescription, _ window: Window
    ) -> String {
        (window.isEstimated(description.feature) ? "about " : "") + number(value, description)
    }

    private static func ratio(_ logarithm: Float) -> String { fixed(expf(logarithm), digits: 1) }

    package static func number(_ value: Float, _ description: FeatureDescription) -> String {
        if [.bytesOut, .bytesIn, .bytesOutside].contains(description.feature) {
            return bytes(value)
        }
        if description.transform == .linear { return fixed(value, digits: value < 10 ? 2 : 0) }
        // Counts are estimates; one that rounds to a whole number is written as one.
        let isWhole = (value * 10).rounded() == value.rounded() * 10
        return value < 10 && !isWhole ? fixed(value, digits: 1) : fixed(value, digits: 0)
    }

    /// "1.4 MB"; powers of ten.
    package static func bytes(_ value: Float) -> String {
        switch value {
        case 1e9...: fixed(value / 1e9, digits: 1) + " GB"
        case 1e6...: fixed(value / 1e6, digits: 1) + " MB"
        case 1e3...: fixed(value / 1e3, digits: 0) + " kB"
        default: fixed(value, digits: 0) + " bytes"
        }
    }

    /// Formats a number with `digits` digits after the point, without a locale.
    package static func fixed(_ value: Float, digits: Int) -> String {
        guard value.isFinite else { return "\(value)" }
        let factor: Double = digits == 0 ? 1 : digits == 1 ? 10 : 100
        let scaled = (Double(value) * factor).rounded()
        guard abs(scaled) < 1e15 else { return "\(value)" }
        let whole = Int(scaled)
        guard digits > 0 else { return "\(whole)" }
        let part = String(abs(whole) % Int(factor))
        let sign = whole < 0 && abs(whole) < Int(factor) ? "-" : ""
        return "\(sign)\(whole / Int(factor))."
            + String(repeating: "0", count: digits - part.count) + part
    }
}
