public import NetworkAddresses
public import Quarantine
import Timestamps

/// A prefix or an address, as text.
public func prefix(_ text: String) -> IPPrefix {
    guard let prefix = IPPrefix(text) else { preconditionFailure("not a prefix: \(text)") }
    return prefix
}

/// A target, as text.
public func target(_ text: String) -> QuarantineTarget {
    guard let target = QuarantineTarget(text) else { preconditionFailure("not a target: \(text)") }
    return target
}

/// A request of the window that ends at `seconds` since 1970.
public func request(
    _ address: String, at seconds: Int64, score: Double = 0.7, link: String? = nil
) -> EnforcementRequest {
    EnforcementRequest(
        time: Timestamp(second: seconds), offender: prefix(address).address,
        spoofingLink: link.flatMap { MACAddress($0) }, score: score, threshold: 0.6,
        eventID: "e\(seconds)", reason: "fan-out", features: "peers=40")
}

/// Workloads w1, w2 and so on, at 10.0.0.2, 10.0.0.3 and so on.
public func inventory(_ count: Int, network: String? = nil) -> KnownInventory {
    KnownInventory(
        workloads: (1...count).map {
            KnownWorkload(name: "w\($0)", addresses: [prefix("10.0.0.\($0 + 1)").address])
        },
        networks: network.map {
            [KnownNetwork(name: "net", prefix: prefix($0), gateway: prefix("10.0.0.1").address)]
        } ?? [])
}
