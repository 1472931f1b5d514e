import Foundation
import TestKit
import Testing

/// A gateway whose monitor enforces, and what a test asks of it and of the hosts around it.
final class FaultBench {
    let lab: Lab
    let scratch: Scratch
    private let model: String
    /// A socket's path has at most 107 bytes.
    let socket = "/tmp/lzf-\(UInt32.random(in: 0...UInt32.max)).sock"

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        model = try scratch.model()
    }

    var state: String { scratch.path("state") }

    func monitor(state: String? = nil, configuration: String? = nil) throws -> Background {
        let file = try configuration.map { try scratch.write("own.yaml", Data(($0 + "\n").utf8)) }
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "br2", "-i", "uplink", "-m", model, "--state",
                state ?? self.state, "-o", scratch.path("eve.json"), "--socket", socket,
                "--enforce",
            ] + (file.map { ["-c", $0] } ?? []))
        let isReady = eventually {
            !program.isRunning
                || program.errors.contains("monitoring") && status().contains("enforcing")
        }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    /// What `lazaret status` says; nothing where nobody answers.
    func status() -> String { (try? Run("status", "--socket", socket).output) ?? "" }

    /// Windows that the monitor has judged.
    var windows: Int { Run.windows(judgedBy: socket) }

    func quarantine(_ words: String..., state: String? = nil) throws -> String {
        let program = try Background(
            in: lab.node.space, ["quarantine"] + words + ["--state", state ?? self.state])
        #expect(program.status == 0, "\(program.errors)")
        return program.output
    }

    /// How often the events tell of a fence over the host, put back or not.
    func fencesTold(over host: Lab.Host) -> Int {
        let text = (try? String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").count {
            $0.contains(#""action":"fence""#) && $0.contains(#""target":"\#(host.v4)""#)
        }
    }

    /// In the kernel's sets, and seen by nobody.
    func isFenced(_ host: Lab.Host) throws -> Bool {
        try lab.isFenced(host) && lab.isHeldBack(host, lab.c)
    }

    /// Scans until it is fenced; false where it never is.
    func isFencedForScanning(_ offender: Lab.Host) throws -> Bool {
        #expect(try lab.reaches(offender, lab.c))
        return try lab.isFenced(offender, forScanning: lab.b) && lab.isHeldBack(offender, lab.c)
    }

    func link(_ words: String...) throws {
        try Namespace.command(["ip", "-n", lab.node.space.name, "link"] + words)
    }

    /// Renames a link while it is up; older kernels want it down for that.
    func rename(_ name: String, to other: String) throws {
        if (try? link("set", name, "name", other)) != nil { return }
        try link("set", name, "down")
        try link("set", name, "name", other)
        try link("set", other, "up")
    }

    /// Makes the first bridge with its address and its ports.
    func makeFirstBridge() throws {
        try link("add", "br1", "type", "bridge")
        try link("set", "br1", "up")
        try lab.node.space.run("ip", "addr", "replace", "\(lab.node.v4)/24", "dev", "br1")
        for port in ["p0", "p1", "p2"] { try link("set", port, "master", "br1") }
    }
}

/// How the program was built.
enum FaultTools {
    /// An unoptimised monitor takes in a hundred new addresses a second, and no flood.
    static let optimised = !Run.binary.path.contains("/debug/")
    /// A sanitizer keeps books on every byte, in memory too.
    static let sanitized =
        environment["TSAN_OPTIONS"] != nil || environment["ASAN_OPTIONS"] != nil
    private static let environment = ProcessInfo.processInfo.environment
}

/// A file system that is soon full, gone with the last reference.
final class SmallDisk {
    let path = NSTemporaryDirectory() + "lzdisk-\(UInt32.random(in: 0...UInt32.max))"
    private var filler: String { path + "/filler" }

    init(mib: Int) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        try Namespace.command(["mount", "-t", "tmpfs", "-o", "size=\(mib)m", "lztest", path])
    }

    /// Leaves not one page.
    func fill() throws {
        #expect(throws: CommandFailed.self) {
            try Namespace.command(["dd", "if=/dev/zero", "of=\(filler)", "bs=4096"])
        }
        let rest = try Namespace.command(["df", "--output=avail", path])
        let free = rest.split(separator: "\n").last?.trimmingCharacters(in: .whitespaces)
        try #require(free == "0")
    }

    func empty() throws { try FileManager.default.removeItem(atPath: filler) }

    deinit {
        _ = try? Namespace.command(["umount", "-l", path])
        try? FileManager.default.removeItem(atPath: path)
    }
}
