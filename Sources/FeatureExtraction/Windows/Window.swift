public import NetworkAddresses
public import Workloads

/// One address over one window: what the detector scores.
public struct Window: Sendable {
    /// The address that all of this is held against.
    public var subject: IPAddress
    /// The owner of the address; nil: as the inventory names it.
    public var identity: Identity?
    /// Its interface, where it is known.
    public var mac: MACAddress
    public var scale: Scale
    /// The window holds the seconds up to and including this one (since 1970 UTC).
    public var endSecond: Int
    /// Seconds since the subject appeared.
    public var ageSeconds: Int
    /// Raw values, a column a feature.
    public var values: [Float]
    /// Flows that were refused or that nobody has answered yet, those of the last second too:
    /// `.failed` waits a second for an answer, so that a clean burst at its end is none.
    public var unanswered: Float
    /// The last flow it opened.
    public var contact: Contact
    /// The last flow it opened on a pair that the baseline never used.
    public var newContact: Contact

    public init(
        subject: IPAddress, mac: MACAddress = .zero, scale: Scale, endSecond: Int,
        ageSeconds: Int = 0,
        values: [Float], contact: Contact = Contact(), newContact: Contact = Contact()
    ) {
        precondition(values.count == Feature.count, "a value for each feature")
        self.subject = subject
        self.mac = mac
        self.scale = scale
        self.endSecond = endSecond
        self.ageSeconds = ageSeconds
        self.values = values
        unanswered = values[Feature.failed.rawValue]
        self.contact = contact
        self.newContact = newContact
    }

    /// The raw value of `feature`.
    public subscript(feature: Feature) -> Float { values[feature.rawValue] }

    /// The contact that a beacon would be: the newest on a new pair, else the newest.
    public var regularContact: Contact {
        newContact.address.isUnspecified ? contact : newContact
    }

    /// The last flow in the window on a new pair, else the last one at all.
    public var lastContact: Contact {
        newContact.second >= startSecond && !newContact.address.isUnspecified ? newContact : contact
    }

    /// Whether it has peers that its baseline does not know.
    public var isToStrangers: Bool { self[.newEdges] > 0 || self[.newOutsidePeers] > 0 }

    /// First second of the window.
    public var startSecond: Int { endSecond - scale.seconds + 1 }
}
