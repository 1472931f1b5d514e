import Foundation
import TestKit
import Testing

/// A gateway with an enforcing monitor, and operations on it and its hosts.
final class FaultBench {
    let lab: Lab
    let scratch: Scratch
    let model: String
    /// A socket's path has at most 107 bytes.
    let socket = "/tmp/lzf-\(UInt32.random(in: 0...UInt32.max)).sock"

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        model = try scratch.model()
    }

    var state: String { scratch.path("state") }

    /// - Parameter words: what comes before the program, such as `prlimit …`.
    func monitor(
        state: String? = nil, configuration: String? = nil, behind words: [String] = []
    ) throws -> Background {
        let file = try configuration.map { try scratch.write("own.yaml", Data(($0 + "\n").utf8)) }
        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "br1", "-i", "br2", "-i", "uplink", "-m", model, "--state",
                state ?? self.state, "-o", scratch.path("eve.json"), "--socket", socket,
                "--enforce",
            ] + (file.map { ["-c", $0] } ?? []), behind: words)
        let isReady = eventually {
            !program.isRunning
                || program.errors.contains("monitoring") && status().contains("enforcing")
        }
        try #require(isReady && program.isRunning, "\(program.errors)")
        return program
    }

    /// The output of `lazaret status`; empty if no monitor answers.
    func status() -> String { (try? Run("status", "--socket", socket).output) ?? "" }

    /// The number of windows that the monitor has scored.
    var windows: Int { Run.windows(judgedBy: socket) }

    func quarantine(_ words: String..., state: String? = nil) throws -> String {
        let program = try Background(
            in: lab.node.space, ["quarantine"] + words + ["--state", state ?? self.state])
        #expect(program.status == 0, "\(program.errors)")
        return program.output
    }

    /// The number of events of a fence on the host, applied or restored.
    func fenceEventCount(over host: Lab.Host) -> Int {
        let text = (try? String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").count {
            $0.contains(#""action":"fence""#) && $0.contains(#""target":"\#(host.v4)""#)
        }
    }

    /// Whether the host is in the kernel's sets and its packets do not arrive.
    func isFenced(_ host: Lab.Host) throws -> Bool {
        try lab.isFenced(host) && lab.isBlocked(host, lab.c)
    }

    /// Scans until the host is fenced; returns false if it never is.
    func isFencedForScanning(_ offender: Lab.Host) throws -> Bool {
        #expect(try lab.reaches(offender, lab.c))
        return try lab.isFenced(offender, forScanning: lab.b) && lab.isBlocked(offender, lab.c)
    }

    func link(_ words: String...) throws {
        try Namespace.command(["ip", "-n", lab.node.space.name, "link"] + words)
    }

    /// Renames a link while it is up; older kernels require it to be down.
    func rename(_ name: String, to other: String) throws {
        if (try? link("set", name, "name", other)) != nil { return }
        try link("set", name, "down")
        try link("set", name, "name", other)
        try link("set", other, "up")
    }

    /// Creates the first bridge with its address and its ports.
    func makeFirstBridge() throws {
        try link("add", "br1", "type", "bridge")
        try link("set", "br1", "up")
        try lab.node.space.run("ip", "addr", "replace", "\(lab.node.v4)/24", "dev", "br1")
        for port in ["p0", "p1", "p2"] { try link("set", port, "master", "br1") }
    }
}

/// The build settings of the program.
enum FaultTools {
    /// An unoptimised monitor can process a hundred new addresses a second, but no flood.
    static let optimised = !Run.binary.path.contains("/debug/")
    /// A sanitizer needs additional memory for every byte.
    static let sanitized =
        environment["TSAN_OPTIONS"] != nil || environment["ASAN_OPTIONS"] != nil
    private static let environment = ProcessInfo.processInfo.environment
}

/// A small file system, which is removed with the last reference.
final class SmallDisk {
    let path = NSTemporaryDirectory() + "lzdisk-\(UInt32.random(in: 0...UInt32.max))"
    private var filler: String { path + "/filler" }

    init(mib: Int) throws {
        try FileManager.default.createDirectory(
            atPath: path, withIntermediateDirectories: true)
        try Namespace.command(["mount", "-t", "tmpfs", "-o", "size=\(mib)m", "lztest", path])
    }

    /// Fills the file system to the last page.
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
