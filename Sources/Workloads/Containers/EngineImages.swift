internal import Synchronization

/// An engine's answer to `/images/{name}/json`: the fields that are used here.
package struct EngineImage: Decodable {
    struct Configuration: Decodable {
        var Labels: [String: String]?
    }

    struct Content: Decodable {
        var Layers: [String]?
    }

    var Id: String?
    /// Podman's name for the digest of its manifest.
    var Digest: String?
    var RepoDigests: [String]?
    var RepoTags: [String]?
    var RootFS: Content?
    var Config: Configuration?

    package var labels: [String: String] { Config?.Labels ?? [:] }

    var identity: ImageIdentity {
        var identity = ImageIdentity()
        identity.add(digest: Id)
        identity.add(digest: Digest)
        for text in RepoDigests ?? [] { identity.add(digest: text) }
        for text in RepoTags ?? [] { identity.add(reference: text) }
        identity.set(layers: RootFS?.Layers ?? [])
        return identity
    }
}

/// What an engine says of its images; each is asked for once.
final class EngineImages: Sendable {
    struct Known: Sendable {
        /// The labels that may name a workload. A container inherits these; they were not set when
        /// it was started.
        var labels: [String: String]
        var identity: ImageIdentity
    }

    private struct State {
        /// By digest, which always names the same image.
        var known: [String: Known] = [:]
        /// Why the engine refuses; nil once it was read.
        var refusal: String?
        var isRefused = false
    }

    private static let imageLimit = 1024
    /// The greatest number of bytes of labels that are cached for one image.
    private static let byteLimit = 65_536

    private let state = Mutex(State())

    /// What the engine says of `image`; nil if it does not say it.
    ///
    /// - Parameter image: a digest or a reference.
    func image(
        _ image: String, _ naming: WorkloadNaming, _ http: SourceConnection
    ) async throws -> Known? {
        if let known = state.withLock({ $0.known[image] }) { return known }
        guard Self.isReference(image) else { return nil }
        let answer: EngineImage
        do {
            answer = try await http.get(EngineImage.self, "/images/\(image)/json")
        } catch SourceError.refused(404, _, _) {
            return nil
        } catch let error as SourceError {
            guard case .refused = error else { throw error }
            state.withLock { state in
                if !state.isRefused { state.refusal = "\(error)" }
                state.isRefused = true
            }
            return nil
        }
        let labels = answer.labels.filter { naming.mayName($0.key) }
        let known = Known(labels: labels, identity: answer.identity)
        if ImageIdentity.digest(image) != nil, labels.byteCount <= Self.byteLimit {
            state.withLock { state in
                if state.known.count >= Self.imageLimit { state.known.removeAll() }
                state.known[image] = known
            }
        }
        return known
    }

    /// Returns why the engine refuses to describe its images, once.
    func takeRefusal() -> String? {
        state.withLock { state in
            defer { state.refusal = nil }
            return state.refusal
        }
    }

    /// Whether a name can be used in a URL's path unescaped:
    /// `docker.io/library/nginx:1.27@sha256:…`.
    private static func isReference(_ text: String) -> Bool {
        text.utf8.count <= 512
            && text.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
                part.first.map { $0 != "." } ?? false
                    && part.utf8.allSatisfy { byte in
                        switch byte {
                        case 0x30...0x3A, 0x40...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
                        default: false
                        }
                    }
            }
    }
}

extension ContainerEngine {
    /// Returns a container that the engine lists.
    ///
    /// - Parameter pod: the pod that it is in.
    func container(
        of found: EngineContainer, in pod: PodmanPod?, _ http: SourceConnection
    ) async throws -> Container {
        let owner = pod.flatMap { pod in
            pod.infra == found.Id ? ContainerOwner(scope: pod.name, name: pod.name) : nil
        }
        return try await container(
            id: found.Id, name: found.name, image: found.Image ?? "", digest: found.ImageID ?? "",
            labels: found.Labels ?? [:], owner: owner, of: found.ImageID ?? found.Image ?? "",
            http)
    }

    /// Returns a container, and queries its image if labels may name the container.
    ///
    /// - Parameter original: the image's digest or reference.
    func container(
        id: String, name: String, image: String, digest: String = "", labels: [String: String],
        owner: ContainerOwner? = nil, of original: String, _ http: SourceConnection
    ) async throws -> Container {
        var imageLabels: [String: String] = [:]
        if labels.keys.contains(where: naming.mayName) {
            // If the engine does not know the image, all labels count as the image's.
            imageLabels = try await images.image(original, naming, http)?.labels ?? labels
        }
        return naming.container(
            id: id, name: name, image: image, digest: digest, labels: labels,
            imageLabels: imageLabels, owner: owner)
    }
}

extension [String: String] {
    /// Bytes of keys and values.
    var byteCount: Int { reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count } }
}
