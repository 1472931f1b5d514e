internal import FoundationEssentials
internal import NetworkAddresses
internal import TextFormats
internal import Timestamps

/// A pod: the fields that are used here.
struct ClusterPod: Decodable, Sendable {
    struct Metadata: Decodable, Sendable {
        var name: String
        var namespace: String
        var uid: String
        var resourceVersion: String?
        var labels: [String: String]?
        var ownerReferences: [Owner]?
        var deletionTimestamp: String?
    }

    struct Owner: Decodable, Sendable {
        var kind: String
        var name: String
        var controller: Bool?
    }

    struct Spec: Decodable, Sendable {
        var nodeName: String?
        var hostNetwork: Bool?
    }

    struct Status: Decodable, Sendable {
        struct Address: Decodable, Sendable {
            var ip: String?
        }

        var phase: String?
        var podIP: String?
        var podIPs: [Address]?
        var startTime: String?
    }

    struct List: Decodable, Sendable {
        var items: [ClusterPod]?
    }

    var metadata: Metadata
    var spec: Spec?
    var status: Status?

    /// The greatest length of a name (RFC 1123).
    private static let nameLimit = 253

    var addresses: [IPAddress] {
        let texts = (status?.podIPs ?? []).map(\.ip) + [status?.podIP]
        return texts.compactMap { $0.flatMap { IPAddress($0) } }
    }

    var labels: [String: String] { metadata.labels ?? [:] }
    var controller: Owner? { metadata.ownerReferences?.first { $0.controller == true } }
    var title: String { "\(metadata.namespace)/\(metadata.name)" }

    /// The running pod of an address.
    ///
    /// - Throws: `.notNeeded` if there is none, or if nothing may be done to it.
    static func running(
        at address: IPAddress, _ cluster: ClusterAddress, _ rails: ResponseRails
    ) async throws(ResponseError) -> ClusterPod {
        let selector =
            cluster.node.map { "spec.nodeName%3D\(escaped($0))" }
            ?? "status.podIP%3D\(escaped("\(address)"))"
        let connection = ClusterConnection(access: cluster.access)
        let listed = try await connection.get(List.self, "/api/v1/pods?fieldSelector=\(selector)")
        let found = (listed.items ?? []).filter {
            $0.addresses.contains(address) && $0.status?.phase == "Running"
        }
        guard let pod = found.first else { throw .notNeeded("no running pod has \(address)") }
        guard found.count == 1, pod.spec?.hostNetwork != true else {
            throw .notNeeded("\(pod.title) shares its address: which one sent is unknown")
        }
        guard isName(pod.metadata.name), isName(pod.metadata.namespace) else {
            throw .notNeeded("the pod's name cannot be used")
        }
        guard let text = pod.status?.startTime, let started = UTC.time(text) else {
            throw .notNeeded("when \(pod.title) was started is unknown")
        }
        guard started <= rails.evidence else {
            throw .notNeeded(
                "\(pod.title) was started after the evidence, at "
                    + "\(UTC.moment(started)): it is "
                    + "not the sender")
        }
        for address in pod.addresses {
            if let why = rails.objection(to: address) { throw .notNeeded("\(pod.title): \(why)") }
        }
        return pod
    }

    /// Whether `text` can be a name of an object, which needs no escape in a URL.
    static func isName(_ text: String) -> Bool {
        (1...nameLimit).contains(text.utf8.count)
            && text.utf8.allSatisfy {
                $0 >= 0x61 && $0 <= 0x7A || $0 >= 0x30 && $0 <= 0x39 || $0 == 0x2D || $0 == 0x2E
            }
    }

    private static func escaped(_ text: String) -> String {
        ResponseTemplate.escape(text, .url).replacing(":", with: "%3A")
    }
}

/// A response on a pod, as the ledger keeps it.
struct ClusterPlan: LedgerPlan, Equatable {
    /// The configured choices.
    var keepsDNS = false
    /// The prefixes that the pod may still exchange packets with; nil: none.
    var keptHosts: [String]?
    var replaces = false
    var binding: String?
    var reason: String
    var rule: String
    var entry: String
    var address: String

    /// What was found.
    var namespace = ""
    var name = ""
    var uid = ""
    /// The labels that the pod loses, and gets back.
    var removed: [String: String] = [:]
    /// The node, deployment or binding that is changed, and its identifier.
    var object = ""
    var objectUID = ""
    /// What the object had before.
    var replicas: Int64?
    var before: JSONValue?

    /// Nil if the target is no address.
    init?(_ entry: ResponseEntry, _ values: [String: String]) {
        guard let address = values["address"] else { return nil }
        self.address = address
        self.entry = entry.name
        keepsDNS = entry.keepsDNS ?? false
        let hosts = entry.keptHosts.map { "\($0.address)/\($0.length)" }
        keptHosts = hosts.isEmpty ? nil : hosts
        replaces = entry.replaces ?? false
        binding = entry.binding
        reason = EngineConnection.clean(values["reason"] ?? "")
        rule = values["rule"] ?? ""
    }

    var title: String { "\(namespace)/\(name)" }
    var podPath: String { "/api/v1/namespaces/\(namespace)/pods/\(name)" }

    mutating func take(_ pod: ClusterPod) {
        (namespace, name, uid) = (pod.metadata.namespace, pod.metadata.name, pod.metadata.uid)
    }
}

extension ClusterAddress {
    /// Finds the pod of a record's target, and checks that it may be acted on.
    func pod(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> (plan: ClusterPlan, pod: ClusterPod) {
        try rails.check(record)
        var plan = try ClusterPlan(record)
        guard let address = IPAddress(plan.address) else { throw .notNeeded("not an address") }
        let pod = try await ClusterPod.running(at: address, self, rails)
        plan.take(pod)
        return (plan, pod)
    }

    var connection: ClusterConnection { ClusterConnection(access: access) }

    /// The pod of a plan; nil if it is gone, or another one has its name.
    func present(_ plan: ClusterPlan) async throws(ResponseError) -> ClusterPod? {
        let pod = try await connection.find(ClusterPod.self, plan.podPath)
        return pod?.metadata.uid == plan.uid ? pod : nil
    }

    /// Tells the readers of `kubectl describe pod` what was done. An event that cannot be written
    /// changes nothing.
    func report(_ plan: ClusterPlan, _ reason: String, _ message: String, at now: Timestamp) async {
        let time = UTC.timestamp(now)
        let event: JSONValue = .object([
            "apiVersion": .text("v1"), "kind": .text("Event"),
            "metadata": .object([
                "generateName": .text("lazaret-"), "namespace": .text(plan.namespace),
            ]),
            "involvedObject": .object([
                "apiVersion": .text("v1"), "kind": .text("Pod"), "name": .text(plan.name),
                "namespace": .text(plan.namespace), "uid": .text(plan.uid),
            ]),
            "reason": .text(reason), "message": .text(message), "type": .text("Warning"),
            "firstTimestamp": .text(time), "lastTimestamp": .text(time), "count": .number(1),
            "source": .object(["component": .text("lazaret")]),
        ])
        _ = try? await connection.create("/api/v1/namespaces/\(plan.namespace)/events", event)
    }
}
