internal import NetworkAddresses

/// A container as it is known over its whole life; its addresses come and go.
public struct Container: Sendable, Equatable {
    /// The engine's identifier, or a pod's uid.
    public var id: String
    public var name: String
    /// The name that outlives it: what its baseline belongs to.
    public var workload: String
    /// The image's repository, without registry default, tag and digest.
    public var image: String?
    /// The image as it was asked for.
    public var reference: String
    /// The image's digest.
    public var digest: String
    /// Those labels that were asked for.
    public var labels: [String: String]
}

/// How containers are called.
public struct WorkloadNaming: Sendable, Equatable {
    /// The label whose value is the workload's name, before anything else.
    public var nameLabel: String?
    /// Labels that are stored with the workload.
    public var labels: [String]

    /// Bytes of a name or label; longer ones are cut.
    static let lengthLimit = 253
    /// Labels kept of one container.
    static let labelLimit = 32

    public init(nameLabel: String? = nil, labels: [String] = []) {
        self.nameLabel = nameLabel
        self.labels = labels
    }

    /// A container from what an engine says of it, whatever that is.
    ///
    /// - Parameters:
    ///   - labels: all it has.
    ///   - imageLabels: those of its image, which Docker and Podman list among the container's.
    ///   - owner: who owns it in the engine's own words; without, labels may say so.
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

    /// A label names within its container's owner. Where there is none, the name has no `/`: such
    /// names are those of projects, namespaces and registries.
    private func named(by labels: [String: String], within scope: String?) -> String? {
        guard let nameLabel, let name = labels[nameLabel], !name.isEmpty else { return nil }
        guard let scope else { return name.contains("/") ? nil : name }
        return "\(scope)/\(name)"
    }

    /// Whether a name or an owner may come of this label.
    func mayName(_ label: String) -> Bool {
        label == nameLabel || ContainerOwner.prefixes.contains { label.hasPrefix($0) }
    }

    /// What a container is called after its image. A path keeps its registry: `shop/web` is a
    /// project's or a namespace's name.
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

    /// A Deployment's pod is called after it, its template's hash and five characters of chance.
    static func owner(ofPod name: String) -> String {
        let parts = name.split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count > 2, isHash(parts[parts.count - 1]), parts[parts.count - 1].count == 5,
            isHash(parts[parts.count - 2])
        else { return name }
        return parts.dropLast(2).joined(separator: "-")
    }

    /// Kubernetes writes hashes with these characters only, so that they spell nothing.
    static func isHash(_ text: Substring) -> Bool {
        (5...10).contains(text.utf8.count)
            && text.utf8.allSatisfy { "bcdfghjklmnpqrstvwxz2456789".utf8.contains($0) }
    }

    /// Text from outside: cut, and without what would confuse a terminal or a file.
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

    /// No workload may be called as something that Lazaret names itself.
    private static func apart(_ name: String) -> String {
        let isTaken = isReserved(name) || name.hasPrefix("service ") || name.hasPrefix("node ")
        return isTaken ? "container \(name)" : name
    }

    /// Whether Lazaret calls something so that no source of names may name: the node, all that is
    /// outside, a group, a gateway, an address.
    static func isReserved(_ name: String) -> Bool {
        name == IdentityMap.outside || name == "node" || name == "group"
            || ["image ", "network ", "gateway of "].contains { name.hasPrefix($0) }
            || IPPrefix(name) != nil
    }
}
