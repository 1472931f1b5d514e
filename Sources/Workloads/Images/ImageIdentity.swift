/// The names by which engines, registries and scanners know one image.
public struct ImageIdentity: Sendable, Equatable {
    /// Digests of its configuration, manifest and index: 64 hexadecimal digits.
    public private(set) var digests: Set<String> = []
    /// The digests of its layers' content, the lowest first; empty: unknown.
    public private(set) var layers: [String] = []
    /// Names with registry and tag, such as `docker.io/library/nginx:1.27`. A tag can be given to
    /// another image.
    public private(set) var tags: Set<String> = []

    /// The most digests, and the most tags, of one image.
    private static let nameLimit = 64
    private static let layerLimit = 512

    public init() {}

    /// Whether there is nothing to find the image by.
    public var isEmpty: Bool { digests.isEmpty && layers.isEmpty && tags.isEmpty }

    /// Adds a digest or identifier, with or without algorithm, repository and scheme; any other
    /// text is left out.
    public mutating func add(digest text: String?) {
        guard let digest = text.flatMap(Self.digest), digests.count < Self.nameLimit else { return }
        digests.insert(digest)
    }

    /// Adds the tag and the digest of a reference such as `nginx:1.27` or `nginx@sha256:…`.
    public mutating func add(reference text: String?) {
        guard let text, text.utf8.count <= 1024 else { return }
        if text.contains("@") { add(digest: text) }
        if let tag = Self.tag(of: text), tags.count < Self.nameLimit { tags.insert(tag) }
    }

    /// Sets the layers; a list with anything but digests is left out.
    public mutating func set(layers texts: [String]) {
        let found = texts.prefix(Self.layerLimit + 1).compactMap(Self.digest)
        guard found.count == texts.count, found.count <= Self.layerLimit else { return }
        layers = found
    }

    /// Adds what another source says of the same image.
    public mutating func add(_ other: ImageIdentity) {
        for digest in other.digests { add(digest: digest) }
        for tag in other.tags where tags.count < Self.nameLimit { tags.insert(tag) }
        if layers.isEmpty { layers = other.layers }
    }

    /// The 64 digits of `sha256:…`, `repository@sha256:…`, `docker-pullable://…` or the digits
    /// alone. A tag of 64 digits is no digest.
    public static func digest(_ text: String) -> String? {
        guard text.utf8.count <= 1024 else { return nil }
        var rest = Substring(text)
        if let at = rest.lastIndex(of: "@") {
            rest = rest[rest.index(after: at)...]
        } else if let scheme = rest.firstRange(of: "://") {
            rest = rest[scheme.upperBound...]
        }
        if rest.hasPrefix("sha256:") { rest = rest.dropFirst("sha256:".count) }
        let isDigest =
            rest.utf8.count == 64
            && rest.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
        return isDigest ? String(rest) : nil
    }

    /// The name of a reference with registry and tag; nil for a bare identifier or digest.
    static func tag(of reference: String) -> String? {
        var name = Substring(reference)
        if let scheme = name.firstRange(of: "://") { name = name[scheme.upperBound...] }
        let digest = name.firstIndex(of: "@")
        if let digest { name = name[..<digest] }
        var tag: Substring?
        if let colon = name.lastIndex(of: ":"), !name[colon...].contains("/") {
            tag = name[name.index(after: colon)...]
            name = name[..<colon]
        }
        let isIdentifier =
            name == "sha256" || name.utf8.count >= 12 && name.allSatisfy(\.isHexDigit)
        guard !isIdentifier, !name.isEmpty, tag?.isEmpty != true, tag != nil || digest == nil,
            name.utf8.allSatisfy(isNameByte), (tag ?? "").utf8.allSatisfy(isTagByte)
        else { return nil }
        let whole = String(name) + ":" + (tag ?? "latest")
        let registry = name.prefix { $0 != "/" }
        let hasRegistry =
            name.contains("/")
            && (registry == "localhost" || registry.contains { $0 == "." || $0 == ":" })
        guard hasRegistry, registry.hasSuffix("docker.io") else {
            return hasRegistry ? whole : Self.ofDocker(whole)
        }
        return Self.ofDocker(String(whole.dropFirst(registry.count + 1)))
    }

    /// A name at Docker's registry, which leaves out `library/` for its own images.
    private static func ofDocker(_ name: String) -> String {
        "docker.io/" + (name.contains("/") ? name : "library/" + name)
    }

    private static func isNameByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "-"),
            UInt8(ascii: "_"), UInt8(ascii: "/"), UInt8(ascii: ":"):
            true
        default: false
        }
    }

    private static func isTagByte(_ byte: UInt8) -> Bool {
        isNameByte(byte) && byte != UInt8(ascii: "/") && byte != UInt8(ascii: ":")
    }
}
