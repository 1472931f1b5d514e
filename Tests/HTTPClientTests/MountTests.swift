import Foundation
import HTTPClient
import TestKit
import Testing

/// Mounts a file or folder over one of the system's, for the calling thread and those that it
/// starts.
private func mount(_ source: String, over path: String) -> Bool {
    typealias Unshare = @convention(c) (CInt) -> CInt
    guard let symbol = dlsym(nil, "unshare") else { return false }
    let (newMounts, isPrivate, isBound) = (CInt(0x20000), UInt(0x44000), UInt(0x1000))
    return unsafeBitCast(symbol, to: Unshare.self)(newMounts) == 0
        && mount("none", "/", nil, isPrivate, nil) == 0
        && mount(source, path, nil, isBound, nil) == 0
}

/// Tests that depend on the system's files, each in a separate process and mount namespace.
@Suite(.enabled(if: geteuid() == 0 && PythonServer.isAvailable), .timeLimit(.minutes(20)))
struct MountTests {
    private static let store = "/etc/ssl/certs"
    private let scratch = try! Scratch()

    @Test(
        .enabled(if: Certificates.isAvailable && FileManager.default.fileExists(atPath: store)))
    func givenAuthoritiesReplaceThoseOfTheSystem() async throws {
        let ours = try Certificates("ours", in: scratch.url)
        try ours.sign("server", names: "IP:127.0.0.1")
        let others = try Certificates("others", in: scratch.url)
        let folder = scratch.url.appendingPathComponent("store")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        for name in ["store/ours.crt", "store/ca-certificates.crt"] {
            try Data(ours.bytes("ours.crt")).write(to: scratch.url.appendingPathComponent(name))
        }
        try ours.run("rehash store")
        let server = try Server(certificate: "server", in: scratch.url)
        let (url, authorities) = (server.request("/hello").url, try others.bytes("others.crt"))
        await #expect(processExitsWith: .success) {
            [
                store = folder.path as String, url = url as String,
                authorities = authorities as [UInt8]
            ] in
            // Before the client has started its thread.
            guard mount(store, over: MountTests.store) else { exit(1) }
            var request = HTTPRequest(url: url)
            guard try await request.answer(upTo: 10).status == 200 else { exit(2) }
            request.tls.authorities = authorities
            guard case .insecure = try await failure(request) else { exit(3) }
            exit(0)
        }
    }

    /// A name server that never answers: a cancelled lookup does not delay other transfers.
    @Test func aLookupDelaysNoOtherTransfer() async throws {
        let server = try Server()
        try Data("nameserver 127.9.9.9\n".utf8).write(
            to: URL(fileURLWithPath: scratch.path("resolv")))
        let url = server.request("/hello").url
        await #expect(processExitsWith: .success) {
            [file = scratch.path("resolv") as String, url = url as String] in
            guard mount(file, over: "/etc/resolv.conf") else { exit(1) }
            let silent = socket(AF_INET, Int32(SOCK_DGRAM.rawValue), 0)
            var name = sockaddr_in()
            name.sin_family = sa_family_t(AF_INET)
            name.sin_port = UInt16(53).bigEndian
            name.sin_addr.s_addr = UInt32(0x7F09_0909).bigEndian
            let isBound = withUnsafePointer(to: &name) { raw in
                raw.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(silent, $0, 16) == 0 }
            }
            guard isBound else { exit(2) }
            var request = HTTPRequest(url: "http://nobody.example.com/")
            request.connectTimeout = .milliseconds(300)
            let start = ContinuousClock.now
            guard case .timedOut = try await failure(request) else { exit(3) }
            request.connectTimeout = .seconds(60)
            let task = Task { [request] in try await failure(request) }
            try await Task.sleep(for: .milliseconds(200))
            task.cancel()
            guard try await task.value == .cancelled else { exit(4) }
            guard try await HTTPRequest(url: url).answer(upTo: 10).status == 200 else { exit(5) }
            exit(ContinuousClock.now - start < .seconds(4) ? 0 : 6)
        }
    }
}
