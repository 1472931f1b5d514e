internal import NetworkAddresses

/// The properties of a container that do not change while it exists; its addresses do.
public struct Container: Sendable, Equatable {
    /// The engine's identifier, or a pod's uid.
    public var id: String
    public var name: String
    /// The workload's name, which owns the baseline and outlives the container.
    public var workload: String
    /// The image's repository, without registry default, tag and digest.
    public var image: String?
    /// The image's reference as given when the container was created.
    public var reference: String
    /// The image's digest.
    public var digest: String
    /// The labels that the configuration selects.
    public var labels: [String: String]
}

/// The rules by which containers are named.
public struct WorkloadNaming: Sendable, Equatable {
    /// The label whose value is the workload's name; it takes precedence over every other source.
    public var nameLabel: String?
    /// The keys of the labels that are stored with the workload.
    public var labels: [String]

    /// The greatest number of bytes of a name or label; longer ones are truncated.
    static let lengthLimit = 253
    /// The greatest number of labels that are stored for one container.
    static let labelLimit = 32

    public init(nameLabel: String? = nil, labels: [String] = []) {
        self.nameLabel = nameLabel
        self.labels = labels
    }

    /// Returns a container from an engine's description, which is untrusted input.
    ///
    /// - Parameters:
    ///   - labels: all labels of the container.
    ///   - imageLabels: the labels of its image, which Docker and Podman list among the
    ///     container's.
    ///   - owner: the owner that the engine reports; if nil, labels may name one.
    func container(
        id: String, name: String, image: String, digest: String = "", labels: [String: String],
        imageLabels: [String: String] = [:], owner: ContainerOwner? = nil
    ) -> Container {
        let name = Self.clean(name)
        let reference = Self.clean(image)
        var kept: [String: String] = [:]
        for key in self.labels.prefix(Self.labelLimit) {
            if let value = labels[key] { kept[Self.clean(key)] = Self.clean(value) }
        }
        let own = labels.filter { imageLabels[$0.key] != $0.value }
        let owner = owner ?? ContainerOwner(labels: labels, own: own)
        let given =
            named(by: own, within: owner?.scope) ?? owner?.name ?? Self.name(ofImage: reference)
            ?? Self.withoutNumber(name)
        return Container(
            id: Self.clean(id), name: name, workload: Self.apart(Self.clean(given)),
            image: Self.repository(of: reference), reference: reference,
            digest: Self.clean(digest), labels: kept)
    }

    /// The name from the container's name label, within the scope of its owner. Without an owner, a
    /// name with a `/` is refused, because it could be a name in a project, namespace or registry.
    private func named(by labels: [String: String], within scope: String?) -> String? {
        guard let nameLabel, let name = labels[nameLabel], !name.isEmpty else { return nil }
        guard let scope else { return name.contains("/") ? nil : name }
        return "\(scope)/\(name)"
    }

    /// Whether a name or an owner may be derived from this label.
    func mayName(_ label: String) -> Bool {
        label == nameLabel || ContainerOwner.prefixes.contains { label.hasPrefix($0) }
    }

    /// The workload's name derived from the image. A repository with a path keeps its registry,
    /// because `shop/web` alone could be the name of a project's or a namespace's workload.
    static func name(ofImage reference: String) -> String? {
        guard let repository = repository(of: reference), repository.contains("/") else {
            return repository(of: reference)
        }
        let isWhole = repository.prefix { $0 != "/" }.contains { $0 == "." || $0 == ":" }
        if isWhole { return repository }
        return (reference.hasPrefix("localhost/") ? "localhost/" : "docker.io/") + repository
    }

    /// `docker.io/library/nginx:1.27@sha256:…` is `nginx`; nil for a bare identifier.
    static func repository(of reference: String) -> String? {
        var text = Substring(reference)
        if let at = text.firstIndex(of: "@") { text = text[..<at] }
        if let colon = text.lastIndex(of: ":"), !text[colon...].contains("/") {
            text = text[..<colon]
        }
        for registry in ["docker.io/library/", "docker.io/", "localhost/"]
        where text.hasPrefix(registry) {
            text = text.dropFirst(registry.count)
            break
        }
        let isIdentifier =
            text == "sha256" || text.utf8.count >= 12 && text.allSatisfy(\.isHexDigit)
        return text.isEmpty || isIdentifier ? nil : String(text)
    }

    /// `web-2` and `web_2` are replicas of `web`.
    private static func withoutNumber(_ name: String) -> String {
        guard let dash = name.lastIndex(where: { $0 == "-" || $0 == "_" }), dash > name.startIndex,
            name[dash...].count > 1, name[dash...].dropFirst().allSatisfy(\.isNumber)
        else { return name.isEmpty ? "container" : name }
        return String(name[..<dash])
    }

    /// The owner of a pod. The name of a Deployment's pod is the Deployment's name, the template's
    /// hash and five random characters.
    package static func owner(ofPod name: String) -> String {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count > 2, isHash(parts[parts.count - 1]), parts[parts.count - 1].count == 5,
            isHash(parts[parts.count - 2])
        else { return name }
        return parts.dropLast(2).joined(separator: "-")
    }

    /// Whether `text` may be a hash by Kubernetes, which uses these characters only to avoid words.
    static func isHash(_ text: Substring) -> Bool {
        (5...10).contains(text.utf8.count)
            && text.utf8.allSatisfy { "bcdfghjklmnpqrstvwxz2456789".utf8.contains($0) }
    }

    /// Cleans untrusted text: truncates it and replaces characters that could corrupt a terminal or
    /// file.
    static func clean(_ text: String) -> String {
        let isClean =
            text.utf8.count <= lengthLimit
            && text.utf8.allSatisfy { $0 >= 0x20 && $0 != 0x7F && $0 < 0x80 }
        if isClean { return text }
        var result = String.UnicodeScalarView()
        var length = 0
        for scalar in text.unicodeScalars {
            length += UTF8.width(scalar)
            if length > lengthLimit { break }
            let isText =
                !scalar.properties.isDefaultIgnorableCodePoint && scalar.value != 0x7F
                && scalar.value >= 0x20 && !(0x80...0x9F).contains(scalar.value)
            result.append(isText ? scalar : "?")
        }
        return String(result)
    }

    /// Adds a prefix to a workload's name that is reserved by Lazaret.
    private static func apart(_ name: String) -> String {
        let isTaken = isReserved(name) || name.hasPrefix("service ") || name.hasPrefix("node ")
        return isTaken ? "container \(name)" : name
    }

    /// Whether `name` is reserved for what Lazaret names itself: the node, outside hosts, groups,
    /// images, networks, gateways and addresses.
    static func isReserved(_ name: String) -> Bool {
        name == IdentityMap.outside || name == "node" || name == "group"
            || ["image ", "network ", "gateway of "].contains { name.hasPrefix($0) }
            || IPPrefix(name) != nil
    }
}
