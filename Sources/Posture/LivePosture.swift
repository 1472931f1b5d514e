internal import FoundationEssentials
internal import HTTPClient
internal import SystemSupport
public import Workloads

/// What runs here: the containers of engines and the pods of a cluster.
extension PostureReport {
    /// The greatest number of containers of an engine that are assessed.
    private static let containerLimit = 4096

    private struct Listed: Decodable {
        var Id: String
    }

    private struct Info: Decodable {
        var SecurityOptions: [String]?
    }

    /// Adds the running containers of an engine.
    ///
    /// - Parameters:
    ///   - engine: `docker` or `podman`.
    ///   - path: of its Unix socket.
    /// - Throws: `PostureError` if it does not answer as expected.
    public mutating func read(
        engine: String, socket path: String, naming: WorkloadNaming
    ) async throws(PostureError) {
        let source = "\(engine) \(path)"
        let connection = APIConnection(base: "http://lazaret", socket: path, name: path)
        let version = try await connection.get(EngineVersion.self, "/version", source)
        let info = try await connection.get(Info.self, "/info", source)
        let options = (info.SecurityOptions ?? []).joined(separator: " ")
        let settings = EngineSettings(
            isPodman: version.isPodman,
            hasUserNamespaces: options.contains("userns") || options.contains("rootless"),
            socket: path)
        let listed = try await connection.get([Listed].self, "/containers/json", source)
        if listed.count > Self.containerLimit {
            add(
                remark: "\(source): \(listed.count - Self.containerLimit) of \(listed.count) "
                    + "containers were not assessed")
        }
        var all: [InspectedContainer] = []
        // Podman's own interface tells more than the one for Docker's clients.
        let place = settings.isPodman ? "/v4.0.0/libpod/containers/" : "/containers/"
        for one in listed.prefix(Self.containerLimit) where one.Id.allSatisfy(\.isHexDigit) {
            do throws(PostureError) {
                // A container may be gone by now.
                guard
                    let found = try await connection.find(
                        InspectedContainer.self, place + one.Id + "/json", source)
                else { continue }
                all.append(found)
            } catch {
                add(remark: "\(error): not assessed")
            }
        }
        var labels: [String: [String: String]] = [:]
        for container in all {
            let image = container.Image ?? ""
            let digest = image.hasPrefix("sha256:") ? image.dropFirst(7) : image[...]
            if labels[image] == nil, !digest.isEmpty, digest.allSatisfy(\.isHexDigit) {
                let found = try await connection.find(
                    EngineImage.self, "/images/\(image)/json", source)
                labels[image] = found?.labels ?? [:]
            }
            let name = container.workload(naming, imageLabels: labels[image])
            add(container, of: settings, workload: name, all: all, source: source)
        }
    }

    private struct Page<Item: Decodable>: Decodable {
        struct Metadata: Decodable {
            var `continue`: String?
        }

        var metadata: Metadata?
        var items: [Item]?
    }

    /// Adds the pods of a cluster.
    ///
    /// - Parameter node: only its pods; nil: all.
    /// - Throws: `PostureError` if it does not answer as expected.
    public mutating func read(
        cluster access: KubernetesAccess, node: String?, naming: WorkloadNaming
    ) async throws(PostureError) {
        let source = "kubernetes \(access.server)"
        let connection = APIConnection(
            base: access.server, tls: access.tls, headers: { access.headers() },
            name: access.server)
        let selector = node.map { "fieldSelector=spec.nodeName%3D\($0.percentEncoded)&" } ?? ""
        let pods = try await Self.all(
            ClusterPodSettings.self, "/api/v1/pods?" + selector, connection, source)
        var policies: [PolicySelector]?
        do throws(PostureError) {
            policies = try await Self.all(
                PolicySelector.self, "/apis/networking.k8s.io/v1/networkpolicies?", connection,
                source)
        } catch {
            add(
                remark: "\(error): network policies were not assessed", about: .noNetworkPolicy)
        }
        add(pods, policies, naming, source: source)
    }

    private static func all<Item: Decodable>(
        _ type: Item.Type, _ path: String, _ connection: APIConnection, _ source: String
    ) async throws(PostureError) -> [Item] {
        var items: [Item] = []
        var next = ""
        for _ in 0..<256 {
            let page = try await connection.get(
                Page<Item>.self, path + "limit=500" + next, source)
            items += page.items ?? []
            guard let more = page.metadata?.continue, !more.isEmpty else { return items }
            next = "&continue=\(more.percentEncoded)"
        }
        throw PostureError(source: source, reason: "more than \(items.count) objects")
    }
}

extension APIConnection {
    fileprivate func get<T: Decodable>(
        _ type: T.Type, _ path: String, _ source: String
    ) async throws(PostureError) -> T {
        guard let found = try await find(type, path, source) else {
            throw PostureError(source: source, reason: "\(path.prefix(200)): status 404")
        }
        return found
    }

    /// The same; nil if it does not exist.
    fileprivate func find<T: Decodable>(
        _ type: T.Type, _ path: String, _ source: String
    ) async throws(PostureError) -> T? {
        let answer: (status: Int, body: [UInt8])
        do { answer = try await ask("GET", path, seconds: 30) } catch {
            throw PostureError(source: source, reason: "\(error)")
        }
        if answer.status == 404 { return nil }
        guard answer.status == 200 else {
            throw PostureError(
                source: source, reason: "\(path.prefix(200)): status \(answer.status)")
        }
        do { return try JSONDecoder().decode(type, from: Data(answer.body)) } catch {
            throw PostureError(
                source: source, reason: "\(path.prefix(200)): the answer is not as expected")
        }
    }
}
