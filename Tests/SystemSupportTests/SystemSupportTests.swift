import Foundation
import SystemPackage
import SystemSupport
import Synchronization
import TestKit
import Testing

struct PathTests {
    @Test(arguments: [
        ("", "", ""), ("/", "/", "/"), ("//", "/", "/"), ("a", "", "a"), ("/a", "/", "a"),
        ("a/", "", "a"), ("/a/", "/", "a"), ("a/b", "a", "b"), ("/a/b", "/a", "b"),
        ("/a/b/", "/a", "b"), ("a//b", "a", "b"), ("//a//b//", "//a", "b"), ("./a", ".", "a"),
        ("..", "", ".."), ("/var/lib/lazaret.db", "/var/lib", "lazaret.db"), ("/ü/ß", "/ü", "ß"),
    ])
    func pathsAreSplit(path: String, parent: String, last: String) {
        #expect(path.parentPath == parent && path.lastPathComponent == last)
    }

    @Test(arguments: ["", "node-1.example", "10.0.0.1:443", "a b/ü?&=%", "eyJ2IjoibWV0YS"])
    func partsOfURLsAreEncoded(text: String) {
        let allowed = CharacterSet.alphanumerics
        #expect(text.percentEncoded == text.addingPercentEncoding(withAllowedCharacters: allowed))
    }

    @Test(arguments: ["", " ", "\n", "a", " a b\t\r\n", "\u{a0}a\u{2028}"])
    func textsAreTrimmed(text: String) {
        #expect(text.trimmed == text.trimmingCharacters(in: .whitespacesAndNewlines))
    }
}

struct MemoryTests {
    /// Resident bytes of this process (proc(5), `statm`).
    private func resident() throws -> Int {
        let text = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8)
        let pages = try #require(text.split(separator: " ").dropFirst().first.flatMap { Int($0) })
        return pages * sysconf(Int32(_SC_PAGESIZE))
    }

    /// Other tests of this process take and free memory meanwhile, so it may take several attempts.
    @Test func freeMemoryGoesBackToTheSystem() throws {
        var seen: [(before: Int, full: Int, after: Int)] = []
        let isGivenBack = try eventually {
            let before = try resident()
            // Small pieces, of which one in a thousand stays: the heap cannot shrink by itself.
            var kept: [[UInt8]] = []
            var full = 0
            do {
                var pieces = (0..<300_000).map { [UInt8](repeating: UInt8($0 & 255), count: 1000) }
                kept = stride(from: 999, to: pieces.count, by: 1000).map { pieces[$0] }
                full = try resident()
                pieces = []
            }
            giveBackFreeMemory()
            seen.append((before, full, try resident()))
            #expect(kept.allSatisfy { $0.count == 1000 })
            return seen.contains {
                $0.full > $0.before + 200 << 20 && $0.after < $0.before + 100 << 20
            }
        }
        #expect(isGivenBack, "\(seen)")
    }
}

struct FileTests {
    private let path = NSTemporaryDirectory() + "lztest-" + UUID().uuidString

    @Test(arguments: [0, 1, 65_535, 65_536, 65_537, 1 << 20])
    func writtenFilesAreRead(count: Int) throws {
        defer { unlink(path) }
        let bytes = (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        try OpenFile(path, .writeOnly, [.create, .exclusiveCreate]).write(bytes.span)
        #expect(try Files.read(path) == bytes)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test func theSystemsErrorMessagesAreKept() throws {
        #expect(throws: Errno.noSuchFileOrDirectory) { try Files.read("/nowhere/at/all") }
        #expect(throws: Errno.isDirectory) { try Files.read("/tmp") }
        #expect(throws: Errno.noSpace) {
            let bytes: [UInt8] = [1]
            try OpenFile("/dev/full", .writeOnly).write(bytes.span)
        }
        #expect("\(Errno.noSuchFileOrDirectory)" == "No such file or directory")
    }

    @Test func filesWithoutASizeAreReadCompletely() throws {
        let status = String(decoding: try Files.read("/proc/self/status"), as: UTF8.self)
        #expect(status.contains("CapEff:") && status.hasSuffix("\n"))
    }

    @Test func aCopyOfADescriptorLeavesTheOtherOpen() throws {
        let file = try OpenFile("/dev/zero", .readOnly)
        do { _ = try OpenFile(copyOf: file.descriptor) }
        var buffer: [UInt8] = [1, 2]
        #expect(try file.read(into: &buffer) == 2)
        #expect(buffer == [0, 0])
    }
}

struct ThreadTests {
    @Test func aThreadIsNotTheCallersThread() async {
        let caller = pthread_self()
        let other = await withCheckedContinuation { continuation in
            startThread { continuation.resume(returning: pthread_self()) }
        }
        #expect(other != caller)
    }
}
