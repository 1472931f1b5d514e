internal import Workloads

/// A pod as the cluster's interface and `kubectl get pods -o json` describe it: the fields that are
/// assessed here.
struct PodSettings: Decodable {
    struct Metadata: Decodable {
        var name: String
        var namespace: String?
        var labels: [String: String]?
    }

    struct Spec: Decodable {
        var hostNetwork: Bool?
        var hostPID: Bool?
        var hostIPC: Bool?
        var hostUsers: Bool?
        var serviceAccountName: String?
        var securityContext: Security?
        var volumes: [Volume]?
        var containers: [Part]
        var initContainers: [Part]?
        var ephemeralContainers: [Part]?

        var parts: [Part] { (initContainers ?? []) + containers + (ephemeralContainers ?? []) }
    }

    struct Security: Decodable {
        struct Capabilities: Decodable {
            var add: [String]?
            var drop: [String]?
        }

        struct Profile: Decodable {
            var type: String?
        }

        var privileged: Bool?
        var allowPrivilegeEscalation: Bool?
        var runAsNonRoot: Bool?
        var runAsUser: Int64?
        var capabilities: Capabilities?
        var seccompProfile: Profile?
        var appArmorProfile: Profile?
    }

    struct Part: Decodable {
        var name: String
        var image: String?
        var securityContext: Security?
        var env: [Variable]?
        var ports: [Port]?
        var volumeMounts: [VolumeMount]?
    }

    struct Variable: Decodable {
        var name: String
        var value: String?
    }

    struct Port: Decodable {
        var containerPort: Int?
        var hostPort: Int?
        var hostIP: String?
        var `protocol`: String?
    }

    struct VolumeMount: Decodable {
        var name: String
        var mountPath: String
        var readOnly: Bool?
    }

    struct Volume: Decodable {
        struct HostPath: Decodable {
            var path: String
        }

        var name: String
        var hostPath: HostPath?
    }

    var metadata: Metadata
    var spec: Spec

    var namespace: String { metadata.namespace ?? "default" }
}

/// The part of a NetworkPolicy that says which pods it is for.
struct PolicySelector: Decodable {
    struct Spec: Decodable {
        var podSelector: Selector?
    }

    struct Selector: Decodable {
        var matchLabels: [String: String]?
        var matchExpressions: [Expression]?
    }

    struct Expression: Decodable {
        var key: String
        var `operator`: String
        var values: [String]?
    }

    var metadata: PodSettings.Metadata
    var spec: Spec?

    /// Whether it is for a pod. An operator that is not known selects nothing.
    func selects(_ pod: PodSettings) -> Bool {
        guard (metadata.namespace ?? "default") == pod.namespace else { return false }
        let labels = pod.metadata.labels ?? [:]
        let selector = spec?.podSelector
        guard (selector?.matchLabels ?? [:]).allSatisfy({ labels[$0.key] == $0.value }) else {
            return false
        }
        return (selector?.matchExpressions ?? []).allSatisfy { expression in
            let value = labels[expression.key]
            let isListed = value.map { (expression.values ?? []).contains($0) } ?? false
            return switch expression.operator {
            case "In": isListed
            case "NotIn": !isListed
            case "Exists": value != nil
            case "DoesNotExist": value == nil
            default: false
            }
        }
    }
}
