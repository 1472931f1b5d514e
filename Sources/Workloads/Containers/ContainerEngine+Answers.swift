internal import NetworkAddresses
internal import Timestamps

/// Decodes each element by itself: one that is not as expected is skipped, and the others are kept.
struct Lenient<Element: Decodable>: Decodable {
    var elements: [Element] = []

    private struct Anything: Decodable {}

    init(from decoder: any Decoder) throws {
        // An empty list may be written as null.
        guard var list = try? decoder.unkeyedContainer() else { return }
        while !list.isAtEnd {
            if let element = try? list.decode(Element.self) {
                elements.append(element)
            } else {
                _ = try list.decode(Anything.self)
            }
        }
    }
}

/// One element of Docker's and Podman's answer to `/containers/json`: the fields that are used
/// here.
struct EngineContainer: Decodable {
    struct Settings: Decodable {
        var Networks: [String: Endpoint]?
    }

    struct Endpoint: Decodable {
        var IPAddress: String?
        var GlobalIPv6Address: String?
        var MacAddress: String?
    }

    struct HostConfig: Decodable {
        var NetworkMode: String?
    }

    struct Descriptor: Decodable {
        var digest: String?
    }

    var Id: String
    var Names: [String]?
    var Image: String?
    var ImageID: String?
    /// Of Docker 28 and later with containerd's images.
    var ImageManifestDescriptor: Descriptor?
    var Created: Int64?
    var State: String?
    var Labels: [String: String]?
    var NetworkSettings: Settings?

    var name: String { String((Names?.first ?? "").drop { $0 == "/" }) }
}

/// Docker's answer to `/networks` and `/networks/{id}`.
struct EngineNetwork: Decodable {
    struct Pool: Decodable {
        var Subnet: String?
        var Gateway: String?
    }

    struct Addressing: Decodable {
        var Config: Lenient<Pool>?
    }

    struct Member: Decodable {
        var Name: String?
        var MacAddress: String?
        var IPv4Address: String?
        var IPv6Address: String?
    }

    var Name: String
    var Id: String
    var Driver: String?
    var IPAM: Addressing?
    var Options: [String: String]?
    var Containers: [String: Member]?

    /// The network as Docker creates it. Its bridge is `br-` and the beginning of the identifier,
    /// unless an option sets the name.
    var network: ContainerNetwork? {
        let configurations = IPAM?.Config?.elements ?? []
        let prefixes = configurations.prefix(16).compactMap { $0.Subnet.flatMap { IPPrefix($0) } }
        guard !prefixes.isEmpty else { return nil }
        var gateways: [IPAddress] = []
        for configuration in configurations.prefix(16) {
            guard let prefix = configuration.Subnet.flatMap({ IPPrefix($0) }) else { continue }
            // Without a configured gateway, Docker uses the first address.
            let text = configuration.Gateway?.prefix { $0 != "/" }
            let given = text.flatMap { IPAddress(String($0)) }
            if let gateway = given ?? Self.first(of: prefix) { gateways.append(gateway) }
        }
        let named = Options?["com.docker.network.bridge.name"]
        let bridge = named ?? "br-" + Id.prefix(12)
        return ContainerNetwork(
            name: WorkloadNaming.clean(Name), prefixes: prefixes, gateways: gateways,
            bridge: Driver == "bridge" && Self.isInterface(bridge) ? bridge : nil)
    }

    private static func first(of prefix: IPPrefix) -> IPAddress? {
        prefix.isHost
            ? nil : IPAddress(high: prefix.address.high, low: prefix.address.low &+ 1)
    }

    /// Whether the kernel accepts `name` as an interface's name.
    static func isInterface(_ name: String) -> Bool {
        (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F && $0 != 0x3A }
    }
}

/// One element of Podman's answer to `/libpod/networks/json`, which includes the bridge's name.
struct PodmanNetwork: Decodable {
    struct Subnet: Decodable {
        var subnet: String
        var gateway: String?
    }

    var name: String
    var driver: String?
    var network_interface: String?
    var subnets: Lenient<Subnet>?

    var network: ContainerNetwork? {
        let subnets = (subnets?.elements ?? []).prefix(16)
        let prefixes = subnets.compactMap { IPPrefix($0.subnet) }
        guard !prefixes.isEmpty else { return nil }
        return ContainerNetwork(
            name: WorkloadNaming.clean(name), prefixes: prefixes,
            gateways: subnets.compactMap { $0.gateway.flatMap { IPAddress($0) } },
            bridge: driver == "bridge"
                ? network_interface.flatMap { EngineNetwork.isInterface($0) ? $0 : nil } : nil)
    }
}

/// One element of Podman's answer to `/libpod/containers/json`, which names each container's pod.
/// The infra container holds the pod's network; Podman lists its addresses for the pod's other
/// containers too.
struct PodmanContainer: Decodable {
    var Id: String
    var IsInfra: Bool?
    var Pod: String?
    var PodName: String?
}

/// The pod that a container is in.
struct PodmanPod {
    var name: String
    /// The identifier of the container that holds the pod's network.
    var infra: String

    /// The pods of containers, by the containers' identifiers. Pods without a network of their own
    /// are omitted.
    static func pods(of containers: [PodmanContainer]) -> [String: PodmanPod] {
        var infra: [String: String] = [:]
        for one in containers where one.IsInfra == true { infra[one.Pod ?? ""] = one.Id }
        var pods: [String: PodmanPod] = [:]
        for one in containers {
            guard let pod = one.Pod, !pod.isEmpty, let name = one.PodName, let holder = infra[pod]
            else { continue }
            pods[one.Id] = PodmanPod(name: WorkloadNaming.clean(name), infra: holder)
        }
        return pods
    }
}

/// One line of `/events`.
struct EngineEvent: Decodable {
    struct Actor: Decodable {
        var ID: String?
        var Attributes: [String: String]?
    }

    var kind: String?
    var Action: String?
    var Actor: Actor?
    var time: Int64?
    var timeNano: Int64?

    enum CodingKeys: String, CodingKey {
        case kind = "Type"
        case Action, Actor, time, timeNano
    }

    /// The time of the event by the engine's clock.
    var moment: Timestamp? {
        timeNano.map(Timestamp.init(nanoseconds:)) ?? time.map { Timestamp(second: $0) }
    }
}

/// A container as its `create` event describes it, kept until the container is queried.
struct CreatedContainer: Sendable {
    var name: String
    var image: String
    /// The labels that may name the workload or that are stored.
    var labels: [String: String]

    /// The greatest number of bytes of labels that are kept.
    private static let byteLimit = 65_536

    /// - Parameter attributes: the attributes of the event: the labels, name and image.
    init?(_ attributes: [String: String], _ naming: WorkloadNaming) {
        name = WorkloadNaming.clean(attributes["name"] ?? "")
        image = WorkloadNaming.clean(attributes["image"] ?? "")
        labels = attributes.filter {
            naming.mayName($0.key) || naming.labels.contains($0.key)
        }
        guard labels.byteCount <= Self.byteLimit else { return nil }
    }
}

/// An engine's answer to `/version`.
package struct EngineVersion: Decodable {
    struct Component: Decodable {
        var Name: String?
    }
    var Components: Lenient<Component>?

    package var isPodman: Bool {
        Components?.elements.contains { $0.Name?.hasPrefix("Podman") == true } ?? false
    }
}
