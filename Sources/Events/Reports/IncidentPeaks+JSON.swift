import AnomalyDetection
import AttackPatterns
import BaselineGraph
public import FeatureExtraction
import NetworkAddresses
import TextFormats

extension IncidentSummary {
    /// What its windows reached at most, beyond their clean ranges.
    public struct Peaks: Sendable, Equatable {
        /// Raw values by the windows' scale.
        public var values: [Scale: [Feature: Float]] = [:]
        /// The contacts that were new, the first ones.
        public var contacts: [Event.Alert.Contact] = []
        /// Whether there were more.
        public var hasMoreContacts = false

        public init() {}

        init(_ peaks: IncidentPeaks) {
            for scale in Scale.allCases {
                let found = peaks.values(scale)
                guard !found.isEmpty else { continue }
                values[scale] = Dictionary(uniqueKeysWithValues: found.map { ($0, $1) })
            }
            contacts = peaks.contacts.map(Event.Alert.Contact.init)
            hasMoreContacts = peaks.hasMoreContacts
        }

        /// The maxima of alerts, as far as these tell them.
        package init(alerts: [Event.Alert]) {
            for alert in alerts where alert.pattern?.isRule != true {
                for measured in alert.reasons.compactMap(\.measurement) {
                    let row = FeatureSchema.table.first { $0.name == measured.feature }
                    guard let feature = row?.feature else { continue }
                    let value = Float(measured.value)
                    let before = values[alert.scale]?[feature] ?? value
                    values[alert.scale, default: [:]][feature] = max(before, value)
                }
                if let contact = alert.contact, !contacts.contains(where: { $0.isTo(contact) }) {
                    if contacts.count < IncidentPeaks.mostContacts {
                        contacts.append(contact)
                    } else {
                        hasMoreContacts = true
                    }
                }
            }
        }
    }
}

extension IncidentSummary.Peaks {
    /// The values, the shortest scale first, with what the counts of shorter windows may add up to
    /// in longer ones: a longer window that repeats a reported one raises no alert, so that its
    /// values are not known.
    ///
    /// - Parameter seconds: how long the incident lasted.
    package func addedUp(over seconds: Int) -> [(scale: Scale, values: [Feature: Float])] {
        var all = values
        for scale in Scale.allCases {
            for shorter in Scale.allCases where shorter.rawValue < scale.rawValue {
                let length = Float(min(seconds, scale.seconds))
                let windows = max(1, (length / Float(shorter.seconds)).rounded(.up))
                for (feature, value) in values[shorter] ?? [:] {
                    let sum = feature.addsUp ? value * windows : value
                    all[scale, default: [:]][feature] = max(all[scale]?[feature] ?? sum, sum)
                }
            }
        }
        return Scale.allCases.compactMap { scale in all[scale].map { (scale, $0) } }
    }
}

extension Feature {
    /// Whether it counts what a longer window has more of.
    fileprivate var addsUp: Bool {
        FeatureSchema.description(of: self).transform != .linear && self != .bytesPerPacket
            && self != .icmpPayload
    }
}

extension Event.Alert.Contact {
    /// Whether it is one with the same service.
    fileprivate func isTo(_ other: Self) -> Bool {
        address == other.address && ipProtocol == other.ipProtocol && port == other.port
    }
}

extension IncidentSummary.Peaks {
    /// Adds the keys to an incident's object.
    func put(in object: inout JSONObject) {
        let peaks = Scale.allCases.compactMap { scale in
            values[scale].map { values in
                var peak = JSONObject()
                peak.put("scale_s", scale.seconds)
                var amounts = JSONObject()
                for row in FeatureSchema.table {
                    if let value = values[row.feature] { amounts.put(row.name, Double(value)) }
                }
                peak.put("values", amounts)
                return peak
            }
        }
        guard !peaks.isEmpty else { return }
        object.put("peaks", peaks)
        object.put(
            "new_contacts",
            contacts.map { contact in
                var object = JSONObject()
                object.put("address", "\(contact.address)")
                object.put("proto", contact.protocolName)
                object.put("port", contact.port.map(Int.init))
                return object
            })
        if hasMoreContacts { object.put("more_contacts", true) }
    }

    private enum Key: String, CodingKey {
        case peaks
        case contacts = "new_contacts"
        case hasMoreContacts = "more_contacts"
    }

    private struct Peak: Decodable {
        var scaleSeconds: Int
        var values: [String: Double]

        enum CodingKeys: String, CodingKey {
            case values
            case scaleSeconds = "scale_s"
        }
    }

    private struct Place: Decodable {
        var address: String
        var proto: String
        var port: UInt16?
    }

    /// Nil in incidents that earlier versions stored.
    init?(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        guard let peaks = try object.decodeIfPresent([Peak].self, forKey: .peaks) else {
            return nil
        }
        for peak in peaks {
            guard let scale = Scale.allCases.first(where: { $0.seconds == peak.scaleSeconds })
            else { continue }
            for row in FeatureSchema.table {
                if let value = peak.values[row.name] {
                    values[scale, default: [:]][row.feature] = Float(value)
                }
            }
        }
        let places = try object.decodeIfPresent([Place].self, forKey: .contacts) ?? []
        contacts = places.compactMap { place in
            guard let address = IPAddress(place.address),
                let number = Service.protocolNumber(place.proto)
            else { return nil }
            return Event.Alert.Contact(
                address: address, ipProtocol: number, sourcePort: nil, port: place.port)
        }
        hasMoreContacts =
            try object.decodeIfPresent(Bool.self, forKey: .hasMoreContacts) ?? false
    }
}
