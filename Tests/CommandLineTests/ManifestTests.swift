import Foundation
import TestKit
import Testing

/// The manifests for Kubernetes are valid for its API, and grant no right that the program does not
/// need.
struct ManifestTests {
    private static let validator = Run.root.appendingPathComponent(
        ".build/venv/bin/kubernetes-validate"
    ).path
    private static let manifest = Run.root.appendingPathComponent(
        "config/kubernetes/lazaret.yaml"
    ).path

    @Test(
        .enabled(
            if: FileManager.default.isExecutableFile(atPath: validator),
            "needs kubernetes-validate in .build/venv"))
    func everyObjectConformsToTheSchemasOfTheAPI() throws {
        for (name, count) in [("lazaret", 6), ("respond", 2)] {
            let path = Run.root.appendingPathComponent("config/kubernetes/\(name).yaml").path
            let said = try Namespace.command([Self.validator, "--strict", path])
            #expect(
                said.split(separator: "\n").count { $0.contains(" passed ") } == count, "\(said)")
        }
    }

    @Test func theProgramAcceptsTheConfigurationInTheManifest() throws {
        let text = try String(contentsOfFile: Self.manifest, encoding: .utf8)
        let lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let begin = try #require(lines.firstIndex { $0.hasSuffix("lazaret.yaml: |") })
        let body = lines[(begin + 1)...].prefix { $0.hasPrefix("    ") }.map { $0.dropFirst(4) }
        #expect(body.count > 5)
        let scratch = try Scratch()
        let token = try scratch.write("token", Data("0123456789abcdef".utf8), mode: 0o600)
        let configuration = body.joined(separator: "\n").replacingOccurrences(
            of: "/etc/lazaret-token/token", with: token)
        let file = try scratch.write("lazaret.yaml", Data(configuration.utf8))
        // The interfaces are those of a node of the cluster.
        let check = try Run("config", "check", "-c", file, "-i", "lo")
        #expect(check.status == 0, "\(check.errors)")
    }
}
