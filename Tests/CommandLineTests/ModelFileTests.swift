import Foundation
import TestKit
import Testing
import Timestamps

/// The content of a model file, and files of other versions.
struct ModelFileTests {
    private let scratch = try! Scratch()

    /// A model of a capture in which one host queries names.
    private func model(asking names: [String]) throws -> String {
        let records = (0..<400).map { number in
            let query = Frame.dns(names[number % names.count], identifier: UInt16(number))
            let datagram = Frame.udp(UInt16(40_000 + number), 53, query)
            return CaptureFile.Record(
                Timestamp(second: 1_700_000_000) + .milliseconds(number * 250),
                Frame.ethernet(0x0800, Frame.ipv4("10.0.0.1", "10.0.0.2", 17, datagram)))
        }
        let capture = try scratch.write("names.pcap", Data(CaptureFile.pcap(records)))
        let run = try Run("train", "-r", capture, "-o", scratch.path("names.model"))
        #expect(run.status == 0, "\(run.errors)")
        return scratch.path("names.model")
    }

    /// Names with the same 64-bit FNV-1a, which is found in seconds for any known name: an
    /// attacker's name would pass for one that the model knows.
    @Test func aNameMadeToLookLikeAKnownOneIsAnother() throws {
        let known = "www.example.com"
        let made =
            "psqnkvursr.=\u{7}'\u{16}\u{18}p\u{10}?\u{3}\u{10}\u{B}t\u{15}\u{7}.evil.example.net"
        func hash(_ name: String) -> UInt64 {
            (name + ".").utf8.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        }
        #expect(hash(known) == hash(made))
        for (names, count) in [
            ([known], 1), ([known, known.uppercased()], 1), ([known, made], 2),
        ] {
            let shown = try Run("model", "show", try model(asking: names))
            #expect(shown.output.contains(" \(count) DNS names, "), "\(shown.output)")
        }
    }

    /// The version comes first: whatever follows, the message states the remedy.
    @Test(
        arguments: [
            (1, "older than this program's 4; make a new one with 'lazaret train -r CLEAN.pcap"),
            (2, "older than this program's 4; make a new one with 'lazaret train -r CLEAN.pcap"),
            (5, "upgrade lazaret"),
        ])
    func aModelOfAnotherVersionIsRefusedInOneLine(version: UInt8, words: String) throws {
        let model = try model(asking: ["www.example.com"])
        var bytes = try Data(contentsOf: URL(fileURLWithPath: model))
        bytes["LAZARET MODEL\n".utf8.count] = version
        let other = try scratch.write("other.model", bytes)
        for words in [
            ["model", "show", other], ["replay", "-r", "captures/clean-test.pcap", "-m", other],
            [
                "monitor", "-i", "lo", "-m", other, "--state", scratch.path("s"), "--socket",
                "never",
            ],
        ] {
            let run = try Run(words)
            #expect(run.status != 0 && run.errors.count { $0 == "\n" } == 1, "\(run.errors)")
            #expect(run.errors.contains("has format version \(version), "), "\(run.errors)")
        }
        #expect(try Run("model", "show", other).errors.contains(words))
        // One that a monitor has learned by itself.
        try FileManager.default.createDirectory(
            atPath: scratch.path("own"), withIntermediateDirectories: true)
        let own = try scratch.write("own/learnt.model", bytes)
        let run = try Run(
            "monitor", "-i", "lo", "--state", scratch.path("own"), "--socket", "never")
        #expect(run.status != 0 && run.errors.count { $0 == "\n" } == 1, "\(run.errors)")
        #expect(run.errors.contains("has format version \(version), "), "\(run.errors)")
        #expect(
            run.errors.contains("; or delete \(own): the monitor then learns again"),
            "\(run.errors)")
    }
}
