internal import FoundationEssentials
package import HTTPClient
internal import YAML

/// A kubeconfig that cannot be used.
public struct KubernetesAccessError: Error, Sendable, CustomStringConvertible {
    public var path: String
    public var reason: String

    public var description: String { "\(path): \(reason)" }
}

/// The address and credentials of a cluster's API.
public struct KubernetesAccess: Sendable {
    /// `https://10.96.0.1:443`.
    public let server: String
    package let tls: TLSOptions
    /// Read for each request, because the kubelet renews it.
    private let tokenFile: String?
    private let token: String?
    /// A warning for the operator; nil if there is none.
    let warning: String?

    /// The service account of the pod that this program runs in; nil outside a cluster.
    ///
    /// - Parameter folder: where the kubelet stores token and certificate.
    public init?(
        inCluster environment: [String: String],
        folder: String = "/var/run/secrets/kubernetes.io/serviceaccount"
    ) {
        guard let host = environment["KUBERNETES_SERVICE_HOST"], !host.isEmpty,
            FileManager.default.isReadableFile(atPath: folder + "/token")
        else { return nil }
        let port = environment["KUBERNETES_SERVICE_PORT"] ?? "443"
        server = "https://" + (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
        var tls = TLSOptions()
        if let roots = FileManager.default.contents(atPath: folder + "/ca.crt").map([UInt8].init),
            Self.hasPEM("CERTIFICATE", in: roots)
        {
            tls.authorities = roots
        }
        self.tls = tls
        tokenFile = folder + "/token"
        token = nil
        warning = nil
    }

    /// A kubeconfig's current context, with a token, a token file or a client certificate.
    public init(kubeconfig path: String) throws(KubernetesAccessError) {
        func fail(_ reason: String) -> KubernetesAccessError {
            KubernetesAccessError(path: path, reason: reason)
        }
        let root: YAMLNode
        do throws(YAMLError) {
            root = try YAMLReader(path: path).root(of: YAMLReader.read(path))
        } catch {
            throw fail(error.reason)
        }
        func entry(_ list: String, _ name: String?, _ kind: String) throws(KubernetesAccessError)
            -> YAMLNode
        {
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
        guard server.hasPrefix("https://") || Self.isHere(server) else {
            throw fail(
                "'server' is \(server): token and names would travel in the open; use https://")
        }
        self.server = server.hasSuffix("/") ? String(server.dropLast()) : server
        let folder = URL(fileURLWithPath: path).deletingLastPathComponent()
        func place(_ name: String) -> String { URL(fileURLWithPath: name, relativeTo: folder).path }
        /// The bytes of `key-data`, or of the file that `key` names.
        func bytes(_ node: YAMLNode, _ key: String, _ label: String) throws(KubernetesAccessError)
            -> [UInt8]?
        {
            let found: Data
            if let text = node[key + "-data"]?.string {
                guard let data = Data(base64Encoded: text) else {
                    throw fail("'\(key)-data' is not base64")
                }
                found = data
            } else {
                guard let name = node[key]?.string else { return nil }
                guard let data = FileManager.default.contents(atPath: place(name)) else {
                    throw fail("'\(key)': \(name) cannot be read")
                }
                found = data
            }
            guard Self.hasPEM(label, in: [UInt8](found)) else {
                throw fail("a certificate or key cannot be used: '\(key)' is not in PEM format")
            }
            return [UInt8](found)
        }
        var tls = TLSOptions()
        tls.authorities = try bytes(cluster, "certificate-authority", "CERTIFICATE")
        if let chain = try bytes(user, "client-certificate", "CERTIFICATE"),
            let key = try bytes(user, "client-key", "PRIVATE KEY")
        {
            tls.certificate = chain
            tls.key = key
        }
        tls.verifies = cluster["insecure-skip-tls-verify"]?.bool != true
        warning =
            tls.verifies
            ? nil
            : """
            \(path): 'insecure-skip-tls-verify' lets anyone on the path read the token and \
            name workloads;
            """
                + " give 'certificate-authority' instead"
        self.tls = tls
        token = user["token"]?.string
        tokenFile = user["tokenFile"]?.string.map(place)
        guard
            user["exec"] == nil || token != nil || tokenFile != nil || tls.certificate != nil
        else {
            throw fail(
                """
                its user has a credential plugin (exec), which is not supported; use a token, \
                tokenFile or client-certificate
                """
            )
        }
    }

    /// Whether a server is on this node, as `kubectl proxy` is.
    private static func isHere(_ server: String) -> Bool {
        let host = URL(string: server)?.host()
        return ["127.0.0.1", "localhost", "::1", "[::1]"].contains(host ?? "")
    }

    /// Whether there is a PEM block whose label ends with `label`: `EC PRIVATE KEY` is a `PRIVATE
    /// KEY`.
    private static func hasPEM(_ label: String, in bytes: [UInt8]) -> Bool {
        String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).contains {
            $0.hasPrefix("-----BEGIN ") && $0.contains("\(label)-----")
        }
    }

    /// Authentication headers.
    package func headers() -> [(name: String, value: String)] {
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
