import Foundation
import NetworkAddresses
import Synchronization
import TestKit
import Testing

@testable import Workloads
import Timestamps

private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

/// Addresses and credentials of a cluster's API.
extension KubernetesTests {
    @Test func aTokenIsNotSentUnencrypted() throws {
        func kubeconfig(_ cluster: String) throws -> String {
            try file(
                "open",
                """
                current-context: here
                contexts: [{name: here, context: {cluster: c, user: u}}]
                clusters: [{name: c, cluster: {\(cluster)}}]
                users: [{name: u, user: {token: secret}}]
                """)
        }
        for server in ["http://10.0.0.1:8080", "http://localhost.example.com", "http://[::2]"] {
            let path = try kubeconfig("server: '\(server)'")
            let error = #expect(throws: KubernetesAccessError.self) {
                try KubernetesAccess(kubeconfig: path)
            }
            #expect(error?.reason.contains("use https://") == true, "\(server)")
        }
        for server in ["http://127.0.0.1:8001", "http://[::1]:8001", "https://10.0.0.1"] {
            let access = try KubernetesAccess(kubeconfig: kubeconfig("server: '\(server)'"))
            #expect(access.warning == nil, "\(server)")
        }
        let unverified = try KubernetesAccess(
            kubeconfig: kubeconfig("server: 'https://10.0.0.1', insecure-skip-tls-verify: true"))
        #expect(unverified.warning?.contains("give 'certificate-authority' instead") == true)
    }

    @Test(arguments: [
        ("", "the file is empty"), ("current-context: a", "'contexts' has no 'a'"),
        ("contexts: []", "'current-context' is missing"),
        (
            """
            current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: \
            [{name: c, cluster: {}}]\nusers: [{name: u, user: {}}]
            """,
            "'server' of the cluster is missing"
        ),
        (
            """
            current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: \
            [{name: c, cluster: {server: 'https://x', certificate-authority-data: '%'}}]\nusers: \
            [{name: u, user: {}}]
            """,
            "is not base64"
        ),
        (
            """
            current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: \
            [{name: c, cluster: {server: 'https://x'}}]\nusers: [{name: u, user: {exec: {command: \
            aws}}}]
            """,
            "credential plugin (exec)"
        ),
        (
            """
            current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u}}]\nclusters: \
            [{name: c, cluster: {server: 'https://x', certificate-authority-data: \
            bm9uZQ==}}]\nusers: [{name: u, user: {}}]
            """,
            "a certificate or key cannot be used"
        ),
    ])
    func anUnusableKubeconfigIsReportedWithTheReason(text: String, words: String) throws {
        let path = try file("bad", text)
        do {
            _ = try KubernetesAccess(kubeconfig: path)
            Issue.record("accepted")
        } catch {
            #expect(error.path == path && error.reason.contains(words), "\(error.reason)")
        }
    }

    /// A server with TLS, which names the pod by the client's certificate or token.
    @Test(.needs("openssl", "python3"))
    func credentialsAreSentOnlyToAVerifiedServer() async throws {
        let ca = try Certificates("ca", in: folder)
        try ca.sign("server", names: "IP:127.0.0.1")
        try ca.sign("admin", names: "DNS:admin")
        let server = try PythonServer(
            """
            import http.server, ssl
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    shown = self.connection.getpeercert()
                    who = dict(x[0] for x in shown["subject"])["commonName"] if shown else \
                    self.headers["Authorization"].split()[-1]
                    body = \
                    b'{"metadata":{"resourceVersion":"1"},"items":[{"metadata":\
                    {"uid":"u","name":"%s","namespace":"n"},"status":\
                    {"podIP":"10.244.0.9"}}]}' % who.encode()
                    self.send_response(200); self.send_header("Content-Length", str(len(body))); \
                    self.end_headers(); self.wfile.write(body)
                def log_message(self, *a): pass
            httpd = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            httpd.handle_error = lambda *a: None
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain("server.crt", "server.key"); \
            context.load_verify_locations("ca.crt"); context.verify_mode = ssl.CERT_OPTIONAL
            httpd.socket = context.wrap_socket(httpd.socket, server_side=True)
            print(httpd.server_port, flush=True)
            httpd.serve_forever()
            """, in: folder)
        let port = server.firstLine
        let certificate = try Data(contentsOf: folder.appendingPathComponent("admin.crt"))
        let access = try KubernetesAccess(
            kubeconfig: file(
                "tls",
                """
                current-context: here
                contexts: [{name: here, context: {cluster: c, user: u}}]
                clusters: [{name: c, cluster: {server: "https://127.0.0.1:\(port)/", \
                certificate-authority: ca.crt}}]
                users: [{name: u, user: {client-certificate-data: \
                \(certificate.base64EncodedString()), client-key: admin.key}}]
                """))
        let source = KubernetesSource(
            access: access, node: nil, naming: WorkloadNaming(), directory: directory)
        try await source.list()
        #expect(try name("10.244.0.9") == "n/admin")

        // In a pod: the service account's token, read for every request, and the cluster's own
        // root.
        _ = try file("token", "robot\n")
        let environment = [
            "KUBERNETES_SERVICE_HOST": "127.0.0.1", "KUBERNETES_SERVICE_PORT": "\(port)",
        ]
        func named() async throws -> String? {
            let known = WorkloadDirectory()
            let pod = KubernetesSource(
                access: try #require(
                    KubernetesAccess(inCluster: environment, folder: folder.path)),
                node: nil, naming: WorkloadNaming(), directory: known)
            try await pod.list()
            return try known.inventory().workload(of: address("10.244.0.9"))?.name
        }
        #expect(try await named() == "n/robot")
        _ = try file("token", "renewed")
        #expect(try await named() == "n/renewed")
        #expect(KubernetesAccess(inCluster: [:], folder: folder.path) == nil)

        // A server with a certificate of another root does not receive the token.
        try Data(Certificates("other", in: folder).bytes("other.crt")).write(
            to: folder.appendingPathComponent("ca.crt"))
        let isFooled = (try? await named()) != nil
        #expect(!isFooled)
    }
}
