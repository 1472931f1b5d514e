import Foundation
import TestKit
import Testing

/// Captures that are compressed.
struct CompressedInputTests {
    private let scratch = try! Scratch()

    /// Runs `flows` on the sample capture, compressed by a program and then changed.
    private func flows(_ packer: String, _ change: (Data) -> Data) throws -> Run {
        let sample = try Data(contentsOf: Run.root.appendingPathComponent("captures/mixed.pcap"))
        let path = try scratch.write("mixed.pcap", sample)
        let said = try Namespace.command(["sh", "-c", "\(packer) -qc \(path) > \(path).packed"])
        #expect(said.isEmpty)
        let packed = try Data(contentsOf: URL(fileURLWithPath: path + ".packed"))
        return try Run("flows", "--format", "csv", "-r", try scratch.write("c", change(packed)))
    }

    @Test(arguments: ["gzip", "zstd"])
    func whatIsCutIsSaid(packer: String) throws {
        let whole = try flows(packer) { $0 }
        #expect(whole.status == 0 && whole.errors.isEmpty, "\(whole.errors)")
        // All packets are there; that it is whole cannot be known.
        let cut = try flows(packer) { $0.dropLast(3) }
        #expect(cut.errors.contains("cut off"), "\(cut.errors)")
        let short = try flows(packer) { $0.prefix($0.count / 2) }
        #expect(short.errors.contains("cut off"), "\(short.errors)")
        #expect(short.output.count < whole.output.count)
    }

    @Test func membersFollowOneAnotherAndMayBePadded() throws {
        let whole = try flows("gzip") { $0 }
        let padded = try flows("gzip") { $0 + Data(count: 700) }
        #expect(padded.status == 0 && padded.errors.isEmpty, "\(padded.errors)")
        #expect(padded.output == whole.output)
        let header: [UInt8] = [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 3, 0]
        let empty = Data(header + [UInt8](repeating: 0, count: 8))
        let two = try flows("gzip") { $0 + Data(count: 7) + empty }
        #expect(two.status == 0 && two.errors.isEmpty && two.output == whole.output)
    }

    /// The sizes of the reads do not change the order of the flows.
    @Test func flowsHaveTheSameOrderHoweverTheCaptureIsRead() throws {
        let sample = Run.root.appendingPathComponent("captures/mixed.pcap").path
        for format in ["csv", "zeek"] {
            let words = ["flows", "--format", format, "-r"]
            let plain = try Run(words + [sample])
            let piped = try Namespace.command([
                "sh", "-c", "cat \(sample) | \(Run.binary.path) \(words.joined(separator: " ")) -",
            ])
            #expect(plain.status == 0 && plain.output == piped)
            #expect(try Run(words + [sample, "--threads", "1"]).output == plain.output)
        }
        let packed = try flows("gzip") { $0 }
        #expect(packed.output == (try flows("zstd") { $0 }).output)
        #expect(packed.output == (try Run("flows", "--format", "csv", "-r", sample)).output)
    }

    /// What comes after an invalid record is missing: a result, but no success.
    @Test func damageIsSaidOnceAndIsNoSuccess() throws {
        let sample = try Data(contentsOf: Run.root.appendingPathComponent("captures/mixed.pcap"))
        let damaged = try scratch.write("d.pcap", sample + Data(repeating: 0x7F, count: 16))
        let model = ["-m", try scratch.model()]
        for words in [
            ["flows", "--format", "csv"], ["replay"], ["replay"] + model,
            ["evaluate"] + model, ["train", "-o", scratch.path("new.model")],
        ] {
            let run = try Run(words + ["-r", damaged])
            #expect(run.status == 1 && run.output.count > 100, "\(words) \(run.errors)")
            let lines = run.errors.split(separator: "\n").filter { $0.contains("a record claims") }
            #expect(lines.count == 1, "\(run.errors)")
        }
        let found = try Run(["replay", "--exit-code", "-r", damaged] + model)
        #expect(found.status == 3, "\(found.errors)")
        #expect(FileManager.default.fileExists(atPath: scratch.path("new.model")))
    }
}
