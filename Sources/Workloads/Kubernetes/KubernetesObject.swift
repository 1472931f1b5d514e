/// One object of the API: the fields of pods, services, nodes and errors that are used here.
struct KubernetesObject: Decodable {
    struct Metadata: Decodable {
        var name: String?
        var namespace: String?
        var uid: String?
        var resourceVersion: String?
        var labels: [String: String]?
        var ownerReferences: Lenient<Owner>?
    }

    struct Owner: Decodable {
        var kind: String?
        var name: String?
        var controller: Bool?
    }

    struct Spec: Decodable {
        var hostNetwork: Bool?
        var containers: Lenient<Part>?
        var clusterIP: String?
        var clusterIPs: Lenient<String>?
        var podCIDR: String?
        var podCIDRs: Lenient<String>?
    }

    struct Part: Decodable {
        var name: String?
        var image: String?
        /// Of a container that runs.
        var imageID: String?
    }

    struct Status: Decodable {
        var phase: String?
        var podIP: String?
        var podIPs: Lenient<PodIP>?
        var startTime: String?
        var addresses: Lenient<Place>?
        var containerStatuses: Lenient<Part>?
        var ephemeralContainerStatuses: Lenient<Part>?
    }

    struct PodIP: Decodable {
        var ip: String?
    }

    struct Place: Decodable {
        var address: String?
    }

    var metadata: Metadata?
    var spec: Spec?
    var status: Status?
    // Fields of an error.
    var code: Int?
    var reason: String?

    private enum CodingKeys: String, CodingKey { case metadata, spec, status, code, reason }

    init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        metadata = try? values.decode(Metadata.self, forKey: .metadata)
        spec = try? values.decode(Spec.self, forKey: .spec)
        // The status of an error is a string, so decoding it fails.
        status = try? values.decode(Status.self, forKey: .status)
        code = try? values.decode(Int.self, forKey: .code)
        reason = try? values.decode(String.self, forKey: .reason)
    }

    /// Whether the pod has ended for good, so its address may belong to another pod.
    var isOver: Bool { status?.phase == "Succeeded" || status?.phase == "Failed" }

    /// The owner of a pod: a Deployment rather than its ReplicaSet, otherwise its controller,
    /// otherwise the pod itself.
    var owner: String {
        let owners = metadata?.ownerReferences?.elements ?? []
        guard let owner = owners.first(where: { $0.controller == true }) ?? owners.first,
            let name = owner.name
        else { return metadata?.name ?? "" }
        switch owner.kind {
        case "ReplicaSet":
            if let hash = metadata?.labels?["pod-template-hash"], name.hasSuffix("-" + hash) {
                return String(name.dropLast(hash.count + 1))
            }
            return name
        case "Job":
            // The name of a CronJob's job is the CronJob's name and the minute at which it was due.
            guard let dash = name.lastIndex(of: "-"), name[dash...].count >= 9,
                name[dash...].dropFirst().allSatisfy(\.isNumber)
            else { return name }
            return String(name[..<dash])
        // A static pod belongs to its node; its name ends with the node's.
        case "Node":
            let whole = metadata?.name ?? ""
            return whole.hasSuffix("-" + name) ? String(whole.dropLast(name.count + 1)) : whole
        default: return name
        }
    }
}

struct KubernetesList: Decodable {
    struct Metadata: Decodable {
        var resourceVersion: String?
        var `continue`: String?
    }

    var metadata: Metadata?
    var items: Lenient<KubernetesObject>?
}

/// One line of a watch.
struct KubernetesEvent: Decodable {
    var type: String
    var object: KubernetesObject
}
