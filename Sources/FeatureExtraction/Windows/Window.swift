public import Indicators
public import NetworkAddresses
public import SenderAttribution
public import Timestamps
public import Workloads

/// The features of one address over one window, as the detector scores them.
public struct Window: Sendable {
    /// The address that the traffic is charged to.
    public var subject: IPAddress
    /// The owner of the address; if nil, the inventory's name applies.
    public var identity: Identity?
    /// The number of the host in its tracker, at most the number of hosts that are watched; another
    /// host may get it later. Nil: not of a tracker.
    public var slot: Int?
    /// A number that no other host of its tracker has, nor this one with another identity; 0: not
    /// of a tracker.
    public internal(set) var hostNumber: UInt64 = 0
    /// Its MAC address, if known.
    public var mac: MACAddress
    /// The port of the node by which its packets came, and the interface's name; 0: unknown.
    public var port: UInt32 = 0
    public var portName = ""
    /// Distinguishes that port from later ones with its name; empty: unknown.
    public var portInstance = ""
    /// Whether the kernel lists the subject's address behind that port.
    public var isListedAtPort = false
    /// The evidence that the subject caused this.
    public var evidence = Evidence.address
    /// Whether the address belongs to another host, which is not blamed for the window.
    public var isContested = false
    /// Frames with a source address that is not the subject's.
    public var forgedCount = 0
    /// Whether any of these addresses belongs to another known host.
    public var usesOthers = false
    /// Whether it had announced each of them, and nobody else has used it since, as where a service
    /// address moves to another host.
    public var isAnnounced = false
    /// TCP flows that were answered, and that the subject's address reset without using the answer.
    public var resetCount = 0
    /// Flows to services that the subject is known to use, refused by servers that refuse several
    /// of their clients; and logins that these refused.
    public var outageCount = 0
    /// Connections that were accepted and came to nothing: another host cut them off, or the server
    /// ended them before both sides had sent data.
    public var cutCount = 0
    /// Of `.failedLogins`, the connections that a server ended so without a byte.
    public var unansweredLogins = 0
    /// Of `.failedLogins`, those that the server refused: it said so, or closed the connection
    /// early.
    public var refusedLogins = 0
    /// Logins that the server granted in clear; `.failedLogins` does not have them.
    public var grantedLogins = 0
    /// Of `.failedLogins`, those on pairs that are not in the baseline.
    public var newPairLogins = 0
    /// Short connections that carried as many bytes each way as one of the last four.
    public var equalConversations = 0
    /// Bytes by which DNS names that are not in the baseline were longer than ordinary ones; each
    /// name once, and none of addresses.
    public var nameExcess = 0
    /// Flows of UDP that it opened.
    public var datagramFlows = 0
    /// Of a window of 600 s, the flows without those of UDP that it opened in the three half
    /// minutes with the most: a burst.
    public var burstFlows = 0
    /// Frames to all hosts of a link, beyond the rate of announcements and discovery.
    public var groupCount = 0
    /// Whether, in a short window on evidence that may be forged, its last target received packets
    /// of many unknown senders in the last second.
    public var isInCrowd = false
    /// TCP flows whose handshake the subject completed with the number that the answer brought.
    public var handshakeCount = 0
    /// Packets of the subject that open no flow and continue none that is known.
    public var unsolicited = UnsolicitedCounts()
    /// The last of their destinations.
    public var unsolicitedContact = Contact()
    /// A sign, in a short window, that it takes another host's place.
    public var takeover: Takeover?
    /// A service of the subject that refuses its clients, in a short window.
    public var outage: ServiceOutage?
    /// The listed address or name that this window is reported for; nil: none.
    public var indicator: IndicatorHit?
    public var scale: Scale
    /// The last second of the window, inclusive (since 1970 UTC).
    public var endSecond: Int
    /// The time of the last packet in a window whose last second has not ended; nil: it has.
    public var earlyTime: Timestamp?
    /// Seconds since the subject appeared.
    public var ageSeconds: Int
    /// The raw values, one column per feature.
    public var values: FeatureValues
    /// The values that are estimates, a bit for each feature.
    var estimates: UInt64 = 0
    /// Flows that were refused or have no answer yet, including those of the last second. `.failed`
    /// waits a second for an answer, so that a clean burst at the window's end does not count as
    /// failed.
    public var unanswered: Float
    /// Of these, flows to pairs that are not in the baseline.
    public var newUnanswered = 0
    /// Flows on such pairs that were answered and not refused.
    public var newAccepted = 0
    /// Of the unanswered flows, those that were opened in the last half of the last second: their
    /// answers may be on their way. And of these, flows to pairs that are not in the baseline.
    public var underWay: Float = 0
    public var newUnderWay: Float = 0
    /// Of the unanswered flows, those of the last four seconds that nobody refused, and that go
    /// outside or were opened in bursts: their answers may be late.
    public var recent: Float = 0
    /// Pairs that are not in the baseline and were tried in the last ten seconds.
    public var recentNewEdges: Float = 0
    /// Of a window with more than a thousand packets, the most packets a second that it sent in a
    /// bucket of the window's scale.
    public var peakPackets: Float = 0
    /// Flows that may be used yet: up to a thousand connections whose opener acknowledged the
    /// answer in the last two seconds, or more of the last half second. In a window whose last
    /// second has not ended: all of these, and those that wait for their answer.
    public var unused: Float = 0
    /// Pairs that are not in the baseline and accepted a flow, now, or before and are tried again
    /// within ten minutes. Of `.newEdges`, which are pairs, too, the others failed;
    /// `.newEdgeFailed` has each failed flow. 0 if none failed.
    public var acceptedNewEdges: Float = 0
    /// The peers of these pairs that are not in the baseline.
    public var acceptedNewPeers: Float = 0
    /// Hosts that answered its ARP requests.
    public var answeredARP: Float = 0
    /// Contacts without an answer that it uses nevertheless.
    public var oneSided = OneSidedContacts()
    /// Pairs to which clients may have asked the subject to connect, no more than they sent it
    /// messages: those that are not in the baseline or whose outside address is not, and name
    /// servers.
    public var requestedPairs: Float = 0
    /// The last flow it opened.
    public var contact: Contact
    /// The last flow it opened on a pair that is not in the baseline.
    public var newContact: Contact
    /// The last flows on such pairs, one to each address, of the addresses met last.
    public var newContacts: [Contact] = []
    /// The server of its last DNS question, and that of its last failed or unread login.
    public var queryContact = Contact()
    public var loginContact = Contact()
    /// The last flow that a service accepted which asks for a login.
    public var loginServiceContact = Contact()
    /// What was counted in each of its buckets; empty in a window that is kept.
    public var buckets = WindowBuckets()

    public init(
        subject: IPAddress, mac: MACAddress = .zero, scale: Scale, endSecond: Int,
        ageSeconds: Int = 0,
        values: [Float], contact: Contact = Contact(), newContact: Contact = Contact()
    ) {
        precondition(values.count == Feature.count, "a value for each feature")
        self.values = FeatureValues { values[$0] }
        self.subject = subject
        self.mac = mac
        self.scale = scale
        self.endSecond = endSecond
        self.ageSeconds = ageSeconds
        unanswered = values[Feature.failed.rawValue]
        self.contact = contact
        self.newContact = newContact
    }

    /// The raw value of `feature`. Inlined, since all values would be copied otherwise.
    @inlinable @inline(__always)
    public subscript(feature: Feature) -> Float { values[feature.rawValue] }

    /// Whether the value of `feature` is an estimate: too many distinct values to count exactly.
    public func isEstimated(_ feature: Feature) -> Bool { estimates >> feature.rawValue & 1 != 0 }

    /// The likely contact of a beacon: the newest on a new pair, otherwise the newest.
    public var regularContact: Contact {
        newContact.address.isUnspecified ? contact : newContact
    }

    /// The last flow in the window on a new pair, otherwise the last flow.
    public var lastContact: Contact {
        newContact.second >= startSecond && !newContact.address.isUnspecified ? newContact : contact
    }

    /// Whether it has peers that are not in its baseline.
    public var hasUnknownPeers: Bool { self[.newEdges] > 0 || self[.newOutsidePeers] > 0 }

    /// The seconds of the window in which the subject was there.
    public var coveredSeconds: Int { min(ageSeconds, scale.seconds) }

    /// The time until which its packets are counted.
    public var end: Timestamp { earlyTime ?? Timestamp(second: endSecond + 1) }

    /// First second of the window.
    public var startSecond: Int { endSecond - scale.seconds + 1 }
}
