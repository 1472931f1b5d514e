import Foundation
import TestKit
import Testing

/// A million forged connections in seconds, and a real offender at the same time.
@Suite(
    .needsKernel, .needs("tcpreplay", "python3"), .timeLimit(.minutes(20)),
    .enabled(if: FaultTools.optimised, "needs an optimised program"))
struct FloodFaultTests {
    private static let count = 1_000_000
    /// The monitor's memory limit at its peak; 100,000 addresses are watched at 11 kB each.
    private static let mostKiB = FaultTools.sanitized ? 8_388_608 : 1_572_864

    private let bench: FaultBench

    init() throws { bench = try FaultBench() }

    /// SYNs to the neighbour, each from a different address.
    private func capture() throws -> String {
        func link(_ host: Lab.Host) throws -> String {
            let words = try host.space.run("ip", "-br", "link", "show", "eth0").split(
                separator: " ")
            return String(words[2])
        }
        let path = bench.scratch.path("forged.pcap")
        try Namespace.command([
            "/usr/bin/python3", "-c",
            """
            import random, socket, struct, sys
            path, count, to_link, from_link, to = sys.argv[1], int(sys.argv[2]), *sys.argv[3:6]
            random.seed(1)
            link = bytes.fromhex((to_link + from_link).replace(":", "")) + b"\\x08\\x00"
            with open(path, "wb") as file:
                file.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1))
                for number in range(count):
                    address = struct.pack("!I", random.randrange(0x0B000000, 0xDF000000)) + \
                    socket.inet_aton(to)
                    ip = struct.pack("!BBHHHBBH", 0x45, 0, 40, number & 65535, 0, 64, 6, 0) + \
                    address
                    total = sum(struct.unpack("!10H", ip))
                    total = (total & 65535) + (total >> 16)
                    ip = ip[:10] + struct.pack("!H", ~((total & 65535) + (total >> 16)) & 65535) \
                    + ip[12:]
                    tcp = struct.pack("!HHIIBBHHH", 1024 + number % 60000, 1 + number % 1000, \
                    number, 0, 0x50, 2, 64240, 0, 0)
                    file.write(struct.pack("<IIII", number // 200000, number % 200000, 54, 54) + \
                    link + ip + tcp)
            """, path, "\(Self.count)", link(bench.lab.b), link(bench.lab.a), bench.lab.b.v4,
        ])
        return path
    }

    private func peakKiB(_ program: Background) throws -> Int {
        let status = try String(
            contentsOfFile: "/proc/\(program.identifier)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix("VmHWM:") })
        return try #require(Int(line.split(whereSeparator: \.isWhitespace)[1]))
    }

    @Test func aFloodFromForgedAddressesDoesNotHideARealOffender() throws {
        let path = try capture()
        let program = try bench.monitor()
        let replay = try bench.lab.a.space.start(
            "tcpreplay", "--quiet", "--topspeed", "--preload-pcap", "-i", "eth0", path,
            output: Pipe())
        var answers = 0
        while replay.isRunning {
            if bench.status().contains("packets") { answers += 1 }
            Thread.sleep(forTimeInterval: 0.5)
        }
        #expect(replay.terminationStatus == 0 && program.isRunning, "\(program.errors)")
        #expect(answers > 0)
        // Every packet was processed or counted as lost.
        var seen = 0
        let isCounted = try eventually {
            let text = try Run("status", "--format", "json", "--socket", bench.socket).output
            let status = try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
            let capture = status?["capture"] as? [String: Int] ?? [:]
            seen = capture["kernel_packets", default: 0] + capture["kernel_drops", default: 0]
            return seen >= Self.count
        }
        #expect(isCounted, "\(seen)")

        let isFenced = try eventually {
            try bench.lab.scan(bench.lab.b, by: bench.lab.bystander)
            return try bench.isFenced(bench.lab.bystander)
        }
        #expect(isFenced, "\(bench.status()) \(program.errors)")
        #expect(try bench.lab.reaches(bench.lab.b, bench.lab.c))
        let peak = try peakKiB(program)
        #expect(peak < Self.mostKiB, "\(peak) KiB")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }
}
