internal import Foundation
internal import NIOSSL
internal import YAMLFiles
internal import Yams

/// How to reach a cluster's API, and as whom.
public struct KubernetesAccess: Sendable {
    /// A kubeconfig that cannot be used.
    public struct Unusable: Error, Sendable, CustomStringConvertible {
        public var path: String
        public var reason: String

        public var description: String { "\(path): \(reason)" }
    }

    /// `https://10.96.0.1:443`.
    public let server: String
    let tls: TLSConfiguration
    /// Read anew for each request: the kubelet renews it.
    private let tokenFile: String?
    private let token: String?

    /// The service account of the pod that this program runs in; nil outside of a cluster.
    ///
    /// - Parameter folder: where the kubelet puts token and certificate.
    public init?(
        inCluster environment: [String: String],
        folder: String = "/var/run/secrets/kubernetes.io/serviceaccount"
    ) {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            FileManager.default.isReadableFile(atPath: folder + "/token")
        else { return nil }
        let port = environment["KUBERNETES_SERVICE_PORT"] ?? "443"
        server = "https://" + (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
        var tls = TLSConfiguration.makeClientConfiguration()
        if let roots = try? NIOSSLCertificate.fromPEMFile(folder + "/ca.crt") {
            tls.trustRoots = .certificates(roots)
        }
        self.tls = tls
        tokenFile = folder + "/token"
        token = nil
    }

    /// A kubeconfig's current context: a token, a token's file or a client certificate.
    public init(kubeconfig path: String) throws(Unusable) {
        func fail(_ reason: String) -> Unusable { Unusable(path: path, reason: reason) }
        let root: Node
        do throws(YAMLError) {
            root = try YAMLReader(path: path).root(of: YAMLReader.read(path))
        } catch {
            throw fail(error.reason)
        }
        func entry(_ list: String, _ name: String?, _ kind: String) throws(Unusable) -> Node {
            let found = root[list]?.sequence?.first { $0["name"]?.string == name }
            guard name != nil, let entry = found?[kind] else {
                throw fail("'\(list)' has no '\(name ?? "?")'")
            }
            return entry
        }
        guard let current = root["current-context"]?.string, !current.isEmpty else {
            throw fail("'current-context' is missing; 'kubectl config use-context NAME' sets it")
        }
        let context = try entry("contexts", current, "context")
        let cluster = try entry("clusters", context["cluster"]?.string, "cluster")
        let user = try entry("users", context["user"]?.string, "user")
        guard let server = cluster["server"]?.string, server.hasPrefix("http") else {
            throw fail("'server' of the cluster is missing")
        }
        self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        func place(_ name: String) -> String { URL(fileURLWithPath: name, relativeTo: folder).path }
        /// The bytes of `key-data`, or of the file that `key` names.
        func bytes(_ node: Node, _ key: String) throws(Unusable) -> [UInt8]? {
            if let text = node[key + "-data"]?.string {
                guard let data = Data(base64Encoded: text) else {
                    throw fail("'\(key)-data' is not base64")
                }
                return [UInt8](data)
            }
            guard let name = node[key]?.string else { return nil }
            guard let data = FileManager.default.contents(atPath: place(name)) else {
                throw fail("'\(key)': \(name) cannot be read")
            }
            return [UInt8](data)
        }
        var tls = TLSConfiguration.makeClientConfiguration()
        do {
            if let roots = try bytes(cluster, "certificate-authority") {
                tls.trustRoots = .certificates(try NIOSSLCertificate.fromPEMBytes(roots))
            }
            if let chain = try bytes(user, "client-certificate"),
                let key = try bytes(user, "client-key")
            {
                tls.certificateChain = try NIOSSLCertificate.fromPEMBytes(chain).map {
                    .certificate($0)
                }
                tls.privateKey = .privateKey(try NIOSSLPrivateKey(bytes: key, format: .pem))
            }
        } catch let error as Unusable {
            throw error
        } catch {
            throw fail("a certificate or key cannot be used: \(error)")
        }
        if cluster["insecure-skip-tls-verify"]?.bool == true { tls.certificateVerification = .none }
        self.tls = tls
        token = user["token"]?.string
        tokenFile = user["tokenFile"]?.string.map(place)
        guard
            user["exec"] == nil || token != nil || tokenFile != nil || !tls.certificateChain.isEmpty
        else {
            throw fail(
                "its user asks a program for a token, which is not supported; give it a token, tokenFile or client-certificate"
            )
        }
    }

    /// Headers that say who asks.
    func headers() -> [(String, String)] {
        var token = token
        if token == nil, let tokenFile,
            let data = FileManager.default.contents(atPath: tokenFile)
        {
            token = String(decoding: data, as: UTF8.self)
        }
        let words = token?.split(whereSeparator: \.isWhitespace).first
        return words.map { [("Authorization", "Bearer \($0)")] } ?? []
    }
}
