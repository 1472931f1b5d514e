import Testing
import Workloads

@testable import Posture

struct PostureRuleTests {
    @Test(arguments: [
        ("nginx", true), ("nginx:latest", true), ("nginx:1.27", false),
        ("registry.example:5000/web", true), ("registry.example:5000/web:1", false),
        ("nginx@sha256:2f19", false), ("sha256:2f19ecd88a68", false), ("2f19ecd88a68", false),
        ("", false),
    ]) func tagsThatMove(reference: String, moves: Bool) {
        #expect(ImageTag.moves(reference) == moves)
    }

    @Test(arguments: [
        ("POSTGRES_PASSWORD", true), ("aws_secret_access_key", true), ("GITHUB_TOKEN", true),
        ("POSTGRES_PASSWORD_FILE", false), ("TOKEN_TTL", false), ("PATH", false),
    ]) func namesOfSecrets(name: String, isSecret: Bool) {
        #expect(SecretName.isLikely(name) == isSecret)
    }

    @Test(arguments: [
        ("/run/docker.sock", PostureCheck.engineSocket, PostureCheck.Severity.critical),
        ("/var/run", .engineSocket, .critical), ("/", .engineSocket, .critical),
        ("//var//./run/../run/", .engineSocket, .critical),
        ("/etc/../run/podman/podman.sock", .engineSocket, .critical),
        ("/etc/shadow", .hostPath, .high), ("/srv/data", .hostPath, .low),
        ("/etcetera", .hostPath, .low),
    ]) func pathsOfTheNode(
        path: String, check: PostureCheck, severity: PostureCheck.Severity
    ) throws {
        let result = try #require(NodePath.result(path, isReadOnly: false, mend: ""))
        #expect(result.check == check)
        #expect(result.severity == severity)
    }

    @Test func harmlessPathsAreNoFinding() {
        #expect(NodePath.result("/etc/localtime", isReadOnly: true, mend: "") == nil)
        #expect(NodePath.result("/etc/localtime", isReadOnly: false, mend: "") != nil)
    }

    /// A socket that is mounted read-only takes commands all the same.
    @Test func aReadOnlySocketIsASocket() {
        #expect(
            NodePath.result("/var/run/docker.sock", isReadOnly: true, mend: "")?.severity
                == .critical)
    }

    /// An engine whose socket has another path.
    @Test(arguments: ["/tmp/e/engine.sock", "/tmp/e", "/tmp"])
    func theSocketOfTheEngineItself(path: String) {
        let result = NodePath.result(
            path, isReadOnly: false, mend: "", socket: "/tmp/e/engine.sock")
        #expect(result?.check == .engineSocket)
        #expect(NodePath.result("/tmp/other", isReadOnly: false, mend: "")?.check == .hostPath)
    }

    @Test func capabilitiesBeyondTheUsualOnes() {
        let added = InspectedContainer.names(["cap_net_admin", "CHOWN", "ALL", "NET_RAW"])
        #expect(Capabilities.dangerous(added) == ["ALL", "NET_ADMIN"])
    }
}
