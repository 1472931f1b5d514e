public import NetworkAddresses

/// One window verdict above the threshold: who, when, how far, and why.
public struct Offence: Sendable, Equatable {
    /// Packet time of the window's end, in nanoseconds since 1970.
    public var time: Int64
    /// Length of the window in nanoseconds; two offences closer than one and a half windows are "in
    /// a row".
    public var windowNanoseconds: Int64
    /// Who misbehaved.
    public var offender: IPAddress
    /// Set when the source addresses are borrowed: then this network card is fenced, not the
    /// address.
    public var spoofingLink: MACAddress?
    /// The workload's name, when the inventory knows it.
    public var workload: String?
    /// The anomaly score, 0...1.
    public var score: Double
    /// The threshold that the score is above.
    public var threshold: Double
    /// So far above the threshold that one window is enough; the policy adds its own test on the
    /// score.
    public var isFarBeyond: Bool
    /// The event that tells this verdict.
    public var eventID: String
    /// Why, in words.
    public var reason: String
    /// The features behind it, in words or numbers.
    public var features: String

    public init(
        time: Int64, windowNanoseconds: Int64 = 10_000_000_000, offender: IPAddress,
        spoofingLink: MACAddress? = nil, workload: String? = nil, score: Double, threshold: Double,
        isFarBeyond: Bool = false, eventID: String, reason: String, features: String = ""
    ) {
        self.time = time
        self.windowNanoseconds = windowNanoseconds
        self.offender = offender
        self.spoofingLink = spoofingLink
        self.workload = workload
        self.score = score
        self.threshold = threshold
        self.isFarBeyond = isFarBeyond
        self.eventID = eventID
        self.reason = reason
        self.features = features
    }
}

/// A workload as the policy sees it: its name, all its addresses, and since when it is known.
public struct KnownWorkload: Sendable, Equatable {
    public var name: String
    public var addresses: [IPAddress]
    /// Its network card, if known: its link-local IPv6 address follows from it and is fenced too.
    public var link: MACAddress?
    /// Packet time of its first sight in nanoseconds since 1970; its warm-up counts from here.
    public var knownSince: Int64

    public init(
        name: String, addresses: [IPAddress], link: MACAddress? = nil, knownSince: Int64 = .min
    ) {
        self.name = name
        self.addresses = addresses
        self.link = link
        self.knownSince = knownSince
    }
}

/// A network of the inventory.
public struct KnownNetwork: Sendable, Equatable {
    public var name: String
    public var prefix: IPPrefix
    public var gateway: IPAddress?

    public init(name: String, prefix: IPPrefix, gateway: IPAddress? = nil) {
        self.name = name
        self.prefix = prefix
        self.gateway = gateway
    }
}

/// The known workloads and networks, so that shares and subnets can be decided.
public struct KnownInventory: Sendable, Equatable {
    public private(set) var workloads: [KnownWorkload]
    public private(set) var networks: [KnownNetwork]
    private var byAddress: [IPAddress: Int] = [:]

    public init(workloads: [KnownWorkload] = [], networks: [KnownNetwork] = []) {
        self.workloads = workloads
        self.networks = networks.sorted { $0.prefix.length > $1.prefix.length }
        for (index, workload) in workloads.enumerated() {
            for address in workload.addresses { byAddress[address] = index }
        }
    }

    /// The workload that has `address`, or nil.
    public func workload(at address: IPAddress) -> KnownWorkload? {
        byAddress[address].map { workloads[$0] }
    }

    /// Indices of the workloads with an address in `prefix`.
    func indices(in prefix: IPPrefix) -> Set<Int> {
        Set(byAddress.lazy.filter { prefix.contains($0.key) }.map(\.value))
    }

    func index(at address: IPAddress) -> Int? { byAddress[address] }
}

extension IPAddress {
    /// The link-local IPv6 address that follows from a MAC address (RFC 4291, appendix A).
    init(linkLocalOf link: MACAddress) {
        let upper = (link.value >> 24 ^ 0x02_0000) << 40
        self.init(high: 0xFE80 << 48, low: upper | 0xFF_FE00_0000 | link.value & 0xFF_FFFF)
    }
}
