import Foundation
import TestKit
import Testing
import Timestamps

/// A replay of a capture with forged sources stays within its memory limit, and warns about what is
/// left out.
struct ReplayLimitTests {
    private let scratch = try! Scratch()

    /// Sources that each try many ports, so that each is a separate offender. A router sends those
    /// outside; each inside has a MAC address of its own.
    private func forged(
        _ sources: Int, packetsEach: Int, isInside: Bool = false
    ) throws -> String {
        let count = sources * packetsEach
        let records = (0..<count).map { number in
            let source = number / packetsEach
            let segment = Frame.tcp(
                UInt16(1024 + number % 60_000), UInt16(1 + number * 7919 % 60_000), flags: 2)
            let packet = Frame.ipv4(
                (isInside ? "10." : "11.")
                    + "\(source >> 16 & 255).\(source >> 8 & 255).\(source & 255)",
                "10.60.4.11", 6, segment)
            var frame = Frame.ethernet(0x0800, packet)
            if isInside { frame.replaceSubrange(8..<12, with: Frame.bytes(UInt64(source), 4)) }
            return CaptureFile.Record(
                Timestamp(second: 1_700_000_000) + .microseconds(number * 120_000_000 / count),
                frame)
        }
        return try scratch.write("forged.pcap", Data(CaptureFile.pcap(records)))
    }

    @Test func memoryIsBoundedAndWhatIsLeftOutIsSaid() throws {
        let capture = try forged(20_000, packetsEach: 4)
        let model = try scratch.model()
        for more in [[], ["--format", "eve"]] {
            let run = try Bounded(
                ["replay", "-r", capture, "-m", model, "--memory", "256MiB"] + more)
            #expect(run.status == 0, "\(run.errors)")
            #expect(run.peakBytes <= 256 << 20, "\(run.peakBytes >> 20) MiB")
            #expect(
                run.errors.contains("flows of hosts beyond the table's limit were ignored"),
                "\(run.errors)")
        }
    }

    /// Without a model, each source is a host to be ranked, and each inside is a workload.
    @Test(arguments: [false, true])
    func aRankingStaysWithinItsMemoryToo(isInside: Bool) throws {
        let capture = try forged(150_000, packetsEach: 1, isInside: isInside)
        let run = try Bounded(["replay", "-r", capture, "--memory", "256MiB"])
        #expect(run.status == 0, "\(run.errors)")
        #expect(run.peakBytes <= 256 << 20, "\(run.peakBytes >> 20) MiB")
        #expect(run.errors.contains("the least anomalous hosts were left out"), "\(run.errors)")
    }

    /// A ranking reads the captures again if its windows do not fit.
    @Test(.needs("python3")) func aSecondPassIsShown() throws {
        let capture = try forged(30_000, packetsEach: 1)
        let seen = try #require(
            Terminal.run([
                "replay", "-r", capture, "--memory", "256MiB", "-o", scratch.path("out"),
            ]))
        for pass in ["what the hosts do", "which of them are odd"] {
            #expect(seen.contains("ranking: \(pass) ["), "\(seen)")
        }
    }

    @Test(arguments: ["255MiB", "2TiB", "512", "much"])
    func memoryHasARange(text: String) throws {
        let run = try Run("replay", "-r", "captures/clean-test.pcap", "--memory", text)
        #expect(run.status == 2, "\(run.errors)")
        #expect(run.errors.contains("--memory"), "\(run.errors)")
        #expect(run.errors.contains("256MiB to 1TiB"), "\(run.errors)")
    }

    @Test func packetsGoToAThousandFilesAtMost() throws {
        let capture = try forged(1200, packetsEach: 40)
        let folder = scratch.path("packets")
        let run = try Run(
            "replay", "-r", capture, "-m", try scratch.model(), "--pcap-out", folder)
        #expect(run.status == 0, "\(run.errors)")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder)
        #expect(files.count == 1000, "\(files.count): \(run.errors.prefix(2000))")
        #expect(
            run.errors.contains("--pcap-out writes the packets of the first 1000 incidents, of 1"),
            "\(run.errors.prefix(2000))")
    }
}
