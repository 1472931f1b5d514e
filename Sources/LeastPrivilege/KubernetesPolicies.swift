import BaselineGraph
import NetworkAddresses
import TextFormats

/// A policy as objects of Kubernetes: one NetworkPolicy for each workload.
public struct KubernetesPolicies {
    private let policy: ContactPolicy
    private let namespace: String
    private let addresses: PolicyAddresses
    private var remarks: [String] = []

    /// Writes the objects as YAML.
    ///
    /// - Parameter namespace: of workloads whose name has none.
    /// - Throws: `.noNames` if no workload has a name; `.sameName` if two would be selected by the
    ///   same labels.
    public static func render(
        _ policy: ContactPolicy, namespace: String
    ) throws(PolicyError) -> PolicyText {
        var writer = KubernetesPolicies(policy, namespace)
        return try writer.text()
    }

    /// Whether a namespace may have this name.
    public static func isNamespace(_ name: String) -> Bool { PodSelector.isNamespace(name[...]) }

    private init(_ policy: ContactPolicy, _ namespace: String) {
        self.policy = policy
        self.namespace = namespace
        addresses = PolicyAddresses(policy.inventory)
    }

    private func selector(_ name: String) -> PodSelector {
        PodSelector(name, in: policy.inventory, namespace: namespace)
    }

    private mutating func text() throws(PolicyError) -> PolicyText {
        var selectors: [(name: String, selector: PodSelector)] = []
        for end in policy.governed {
            guard case .workload(let name) = end else {
                remarks.append("\(end): an address without a workload is not selected by a policy")
                continue
            }
            let own = selector(name)
            if let other = selectors.first(where: { $0.selector == own }) {
                throw .sameName(other.name, name, own.text)
            }
            selectors.append((name, own))
        }
        guard !selectors.isEmpty else { throw .noNames }
        var names = UniqueNames()
        let objects = selectors.map { name, selector in
            object(
                name, selector,
                // The quarantine of a pod is the policy lazaret-UID.
                names.take("lazaret-baseline-" + name.asName(limit: 200, isLowercase: true)))
        }
        let assumed = selectors.filter(\.selector.isByConvention).map(\.name)
        if !assumed.isEmpty {
            remarks.append(
                "the pods of these workloads are taken to bear the label "
                    + "\(PodSelector.conventionalLabel) with the workload's name, because no "
                    + "labels of the inventory select them alone: "
                    + assumed.joined(separator: ", "))
        }
        return PolicyText(text: header + objects.joined(), remarks: remarks)
    }

    private var header: String {
        """
        # NetworkPolicies of the contacts in the baseline of model \(policy.modelID), written by
        # 'lazaret policy export'. Everything else to and from these workloads is refused.
        # Check:  kubectl apply --dry-run=server -f FILE
        # Load:   kubectl apply -f FILE        Undo: kubectl delete -f FILE

        """
    }

    private mutating func object(
        _ name: String, _ selector: PodSelector, _ objectName: String
    ) -> String {
        let end = ContactPolicy.End.workload(name)
        let ingress = peers(policy.rules.filter { $0.to == end }, selector) { $0.from }
        let egress = peers(policy.rules.filter { $0.from == end }, selector) { $0.to }
        let source =
            selector.isByConvention
            ? "# \(name.asComment); selected by convention" : "# \(name.asComment)"
        return """
            ---
            \(source)
            apiVersion: networking.k8s.io/v1
            kind: NetworkPolicy
            metadata:
              name: \(objectName)
              namespace: \(selector.namespace)
              labels: {"app.kubernetes.io/managed-by": "lazaret"}
              annotations: {"lazaret/model": \(JSONObject.quoted(policy.modelID))}
            spec:
              podSelector:
                matchLabels: \(selector.text)
              policyTypes: ["Ingress", "Egress"]
            \(section("ingress", "from", ingress))
            \(section("egress", "to", egress))

            """
    }

    private func section(_ title: String, _ word: String, _ peers: [Peer]) -> String {
        guard !peers.isEmpty else { return "  \(title): []" }
        return "  \(title):\n"
            + peers.map { peer in
                let blocks = peer.blocks.map { "        - \($0)" }.joined(separator: "\n")
                return "    # \(peer.name.asComment)\n    - \(word):\n\(blocks)\n      ports:\n"
                    + peer.ports.map { "        - \($0)" }.joined(separator: "\n")
            }.joined(separator: "\n")
    }

    private struct Peer {
        var name: String
        var blocks: [String]
        var ports: [String]
    }

    /// The peers of one workload in one direction, each with its ports.
    private mutating func peers(
        _ rules: [ContactPolicy.Rule], _ selector: PodSelector,
        _ end: (ContactPolicy.Rule) -> ContactPolicy.End
    ) -> [Peer] {
        var peers: [Peer] = []
        for peer in Set(rules.map(end)).sorted() {
            let services = rules.filter { end($0) == peer }.map(\.service)
            for rule in rules where end(rule) == peer && !rule.service.hasPorts {
                note("\(rule): a NetworkPolicy has no \(rule.service); left out")
            }
            let ports = services.filter(\.hasPorts).map { service in
                let name = Service.protocolName(service.ipProtocol)
                let last = service.ports.count == 1 ? "" : ", endPort: \(service.ports.upperBound)"
                return "{protocol: \(name), port: \(service.port)\(last)}"
            }
            guard !ports.isEmpty else { continue }
            let isSource = rules.first { end($0) == peer }?.from == peer
            var blocks = blocks(of: peer, from: selector, isSource: isSource)
            if let service = peer.service {
                note(
                    "\(peer): a NetworkPolicy selects the pods behind a service, and the baseline "
                        + "does not name them; all pods of its namespace may be contacted on its "
                        + "ports")
                blocks.append(Self.namespaceSelector(service.namespace))
            }
            guard !blocks.isEmpty else {
                note("\(peer): the inventory has no address of it; left out")
                continue
            }
            peers.append(Peer(name: "\(peer)", blocks: blocks, ports: ports))
        }
        return peers
    }

    private mutating func note(_ remark: String) {
        if !remarks.contains(remark) { remarks.append(remark) }
    }

    private static func namespaceSelector(_ name: String) -> String {
        let label = "{\"kubernetes.io/metadata.name\": \(JSONObject.quoted(name))}"
        return "namespaceSelector: {matchLabels: \(label)}"
    }

    private func blocks(
        of end: ContactPolicy.End, from selector: PodSelector, isSource: Bool
    ) -> [String] {
        if case .workload(let name) = end, policy.governed.contains(end) {
            let peer = self.selector(name)
            let pods = "podSelector: {matchLabels: \(peer.text)}"
            guard peer.namespace != selector.namespace else { return [pods] }
            return ["\(Self.namespaceSelector(peer.namespace))\n          \(pods)"]
        }
        guard end == .outside else {
            return addresses.prefixes(of: end).map { "ipBlock: {cidr: \($0.cidr)}" }
        }
        if !isSource, let listed = policy.outsideAddresses {
            return listed.map { "ipBlock: {cidr: \(IPPrefix(host: $0).cidr)}" }
        }
        let known = addresses.known
        return [("0.0.0.0/0", true), ("::/0", false)].map { all, isIPv4 in
            let except = known.filter { $0.address.isIPv4 == isIPv4 }.map(\.cidr)
            return "ipBlock: {cidr: \"\(all)\""
                + (except.isEmpty ? "}" : ", except: [\(except.joined(separator: ", "))]}")
        }
    }
}

extension IPPrefix {
    /// Address, slash and length, quoted.
    fileprivate var cidr: String { "\"\(address)/\(length)\"" }
}
