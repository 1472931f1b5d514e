import TextFormats
import Workloads

/// How a policy selects the pods of a workload.
///
/// The labels of the inventory are used if they select no other workload. Otherwise, and without
/// labels, the pods are taken to bear the label that Kubernetes recommends, with the workload's
/// name as value.
struct PodSelector: Equatable {
    var namespace: String
    var labels: [(key: String, value: String)]
    /// Whether the labels are not those of the inventory.
    var isByConvention: Bool

    static let conventionalLabel = "app.kubernetes.io/name"

    /// Labels that differ between the pods of one workload, or change with each deployment.
    private static let changing: Set<String> = [
        "pod-template-hash", "controller-revision-hash", "pod-template-generation",
        "statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index",
        "batch.kubernetes.io/job-completion-index", "batch.kubernetes.io/job-name",
        "batch.kubernetes.io/controller-uid", "job-name", "controller-uid",
        "app.kubernetes.io/version", "helm.sh/chart",
    ]

    /// - Parameters:
    ///   - name: `shop` or, in a namespace, `shop/web`.
    ///   - namespace: of workloads whose name has none.
    init(_ name: String, in inventory: Inventory, namespace: String) {
        let (space, own) = Self.parts(name, namespace: namespace)
        self.namespace = space
        let labels = inventory.workloads.first { $0.name == name }.map { Self.stable($0.labels) }
        let others = inventory.workloads.filter { other in
            other.name != name && Self.parts(other.name, namespace: namespace).namespace == space
        }
        if let labels, !labels.isEmpty,
            !others.contains(where: { other in labels.allSatisfy { other.labels[$0] == $1 } })
        {
            self.labels = labels.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }
            isByConvention = false
        } else {
            self.labels = [
                (Self.conventionalLabel, own.asName(limit: 63, keeping: .pointAndUnderscore))
            ]
            isByConvention = true
        }
    }

    static func == (left: Self, right: Self) -> Bool {
        left.namespace == right.namespace && left.text == right.text
    }

    /// The labels on one line of YAML.
    var text: String {
        let pairs = labels.map { "\(JSONObject.quoted($0.key)): \(JSONObject.quoted($0.value))" }
        return "{\(pairs.joined(separator: ", "))}"
    }

    /// Namespace and name of a workload: `shop/web` is `web` in `shop`. A name of another shape, as
    /// that of an image, has no namespace.
    static func parts(_ name: String, namespace: String) -> (namespace: String, name: String) {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, isNamespace(parts[0]), !parts[1].isEmpty else {
            return (namespace, name)
        }
        return (String(parts[0]), String(parts[1]))
    }

    /// Whether a text is a label of DNS (RFC 1123), as names of namespaces are.
    static func isNamespace(_ text: Substring) -> Bool {
        let bytes = Array(text.utf8)
        return (1...63).contains(bytes.count) && bytes.first != 0x2D && bytes.last != 0x2D
            && bytes.allSatisfy {
                (0x61...0x7A).contains($0) || (0x30...0x39).contains($0) || $0 == 0x2D
            }
    }

    private static func stable(_ labels: [String: String]) -> [String: String] {
        labels.filter { key, value in
            !changing.contains(key) && isKey(key) && isValue(value)
        }
    }

    /// Whether a text may be the key of a label: an optional domain, a slash, and a name.
    private static func isKey(_ text: String) -> Bool {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard let name = parts.last, parts.count <= 2, !name.isEmpty, isValue(String(name)) else {
            return false
        }
        return parts.count == 1
            || (1...253).contains(parts[0].utf8.count)
                && parts[0].split(separator: ".", omittingEmptySubsequences: false)
                    .allSatisfy(isNamespace)
    }

    /// Whether a text may be the value of a label.
    private static func isValue(_ text: String) -> Bool {
        guard text.utf8.count <= 63 else { return false }
        let bytes = Array(text.utf8)
        guard let first = bytes.first, let last = bytes.last else { return true }
        return first.isLetterOrDigit && last.isLetterOrDigit
            && bytes.allSatisfy { $0.isLetterOrDigit || [0x2D, 0x2E, 0x5F].contains($0) }
    }
}
