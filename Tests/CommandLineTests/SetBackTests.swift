import Foundation
import TestKit
import Testing

/// Captures whose clock is set back, or that have a frame far ahead of its time.
struct SetBackTests {
    private let scratch = try! Scratch()
    private static let sample = Run.root.appendingPathComponent("captures/mixed.pcap")
    private static let inventory = Run.root.appendingPathComponent("captures/inventory.yaml").path

    /// The sample's packets, each with its record's header, moved by some seconds.
    private func records(of sample: Data, by seconds: UInt32) -> [Data] {
        var found: [Data] = []
        var place = 24
        while place + 16 <= sample.count {
            func word(_ offset: Int) -> UInt32 {
                (0..<4).reduce(0) { $0 | UInt32(sample[place + offset + $1]) << (8 * $1) }
            }
            let end = place + 16 + Int(word(8))
            var record = Data(sample[place..<end])
            let time = word(0) + seconds
            for byte in 0..<4 { record[byte] = UInt8(truncatingIfNeeded: time >> (8 * byte)) }
            found.append(record)
            place = end
        }
        return found
    }

    private struct Incident: Decodable {
        var start: Int
        var end: Int
        var decision: String
        var patterns: [String]
        var offender: String
    }

    private func incidents(_ path: String, _ model: String) throws -> [Incident] {
        let run = try Run(
            "replay", "-r", path, "-m", model, "--inventory", Self.inventory, "--format", "json")
        #expect(run.status == 0, "\(run.errors)")
        return try run.output.split(separator: "\n").map {
            try JSONDecoder().decode(Incident.self, from: Data($0.utf8))
        }
    }

    /// What was seen before, at times that are ahead now, hides nothing.
    @Test func attacksAfterItAreFoundAsThoseBefore() throws {
        let sample = try Data(contentsOf: Self.sample)
        let ahead = sample.prefix(24) + records(of: sample, by: 7200).reduce(Data(), +)
        let both = try scratch.write("both.pcap", ahead + sample.dropFirst(24))
        let model = try scratch.model()
        let once = try incidents(Self.sample.path, model)
        let twice = try incidents(both, model)
        #expect(twice.allSatisfy { $0.end >= $0.start })
        #expect(twice.count == 2 * once.count, "\(twice.count) of \(once.count)")
        for incident in once {
            #expect(
                twice.contains {
                    $0.offender == incident.offender && $0.start == incident.start
                        && $0.patterns == incident.patterns
                }, "\(incident)")
        }
    }

    /// Clocks that were not set: the windows of the first seconds reach back before 1970.
    @Test func attacksAtTheStartOf1970AreFound() throws {
        struct Label: Decodable {
            var start: Double
            var kind: String
        }
        let labels = try String(
            contentsOf: Run.root.appendingPathComponent("captures/mixed.labels.jsonl"),
            encoding: .utf8
        ).split(separator: "\n").map { try JSONDecoder().decode(Label.self, from: Data($0.utf8)) }
        let sample = try Data(contentsOf: Self.sample)
        let all = records(of: sample, by: 0).map { record in
            (second: (0..<4).reduce(0) { $0 | Int(record[$1]) << (8 * $1) }, record: record)
        }
        let model = try scratch.model()
        var found = 0
        for label in labels {
            let start = Int(label.start) - 1
            var file = sample.prefix(24)
            for (second, record) in all where (start..<start + 20).contains(second) {
                var moved = record
                for byte in 0..<4 {
                    moved[byte] = UInt8(truncatingIfNeeded: (second - start) >> (8 * byte))
                }
                file += moved
            }
            let path = try scratch.write("early.pcap", file)
            for words in [["-m", model, "--inventory", Self.inventory], []] {
                let run = try Run(["replay", "-r", path, "--format", "json"] + words)
                #expect(run.status == 0, "\(label.kind): \(run.status) \(run.errors)")
                let isNamed = try run.json.contains { line in
                    line["pattern"] != nil || line["patterns"] != nil
                }
                if isNamed, !words.isEmpty { found += 1 }
            }
        }
        #expect(found >= 10, "\(found) of \(labels.count)")
    }

    /// `explain` shows the flows of a capture although an early frame is a day ahead.
    @Test func aFrameFarAheadEndsNoCapture() throws {
        let sample = try Data(contentsOf: Self.sample)
        let frame = records(of: sample, by: 86_400)[0]
        let first = records(of: sample, by: 0)
        let path = try scratch.write(
            "ahead.pcap",
            sample.prefix(24) + first[0] + frame + first.dropFirst().reduce(Data(), +))
        let model = try scratch.model()
        let events = scratch.path("eve.json")
        let run = try Run(
            "replay", "-r", path, "-m", model, "--inventory", Self.inventory, "--format", "eve")
        try Data(run.output.utf8).write(to: URL(fileURLWithPath: events))
        let alert = try #require(
            run.output.split(separator: "\n").first { $0.contains(#""event_type":"alert""#) })
        let object = try JSONSerialization.jsonObject(with: Data(alert.utf8)) as? [String: Any]
        let details = try #require(object?["lazaret"] as? [String: Any])
        let id = try #require(details["event_id"] as? String)
        let explained = try Run("explain", id, "--events", events, "-r", path)
        #expect(explained.status == 0, "\(explained.errors)")
        #expect(!explained.output.contains("none: metered"), "\(explained.output)")
    }
}
