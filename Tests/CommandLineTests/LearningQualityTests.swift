import Foundation
import TestKit
import Testing
import Timestamps

/// What a short training is good for, through the program.
struct LearningQualityTests {
    private let scratch: Scratch
    private let model: String
    /// A second that a whole epoch of 180 s begins with.
    private static let start = 1_700_000_100

    /// A model of two minutes: two clients of a web server, a client of a database that appears
    /// late.
    private let training: Run

    init() throws {
        scratch = try Scratch()
        model = scratch.path("short.model")
        var records: [CaptureFile.Record] = []
        for second in 0..<120 { records += Self.usual(second) }
        // Seen for 20 s: too short for a baseline that may fence.
        for second in 100..<120 where second % 4 == 0 {
            records += Self.call("10.0.0.4", "10.0.0.5", 5432, at: Double(second) + 0.3)
        }
        let capture = try Self.write(records, as: "short.pcap", in: scratch)
        training = try Run("train", "-r", capture, "-o", model)
    }

    private static func write(
        _ records: [CaptureFile.Record], as name: String, in scratch: Scratch
    ) throws -> String {
        try scratch.write(name, Data(CaptureFile.pcap(records.sorted { $0.time < $1.time })))
    }

    /// The calls of one second.
    private static func usual(_ second: Int) -> [CaptureFile.Record] {
        let time = Double(second)
        return call("10.0.0.1", "10.0.0.2", 8080, at: time)
            + (second % 5 == 0 ? call("10.0.0.3", "10.0.0.2", 8080, at: time + 0.5) : [])
    }

    /// A connection with a request and an answer.
    private static func call(
        _ client: String, _ server: String, _ port: UInt16, at offset: Double
    ) -> [CaptureFile.Record] {
        let from = UInt16(33_000 + Int(offset * 10) % 20_000)
        let began = Timestamp(second: start) + .milliseconds(Int(offset * 1000))
        func packet(
            _ step: Int, _ flags: UInt8, _ sequence: UInt32, _ acknowledgment: UInt32, _ size: Int,
            isAnswer: Bool = false
        ) -> CaptureFile.Record {
            let segment = Frame.tcp(
                isAnswer ? port : from, isAnswer ? from : port, flags: flags, sequence: sequence,
                acknowledgment: acknowledgment, payload: [UInt8](repeating: 65, count: size))
            let (source, destination) = isAnswer ? (server, client) : (client, server)
            func mac(_ address: String) -> [UInt8] {
                [2, 0] + address.split(separator: ".").map { UInt8($0) ?? 0 }
            }
            return CaptureFile.Record(
                began + .milliseconds(step),
                mac(destination) + mac(source) + [8, 0]
                    + Frame.ipv4(source, destination, 6, segment))
        }
        return [
            packet(0, 0x02, 100, 0, 0), packet(1, 0x12, 500, 101, 0, isAnswer: true),
            packet(2, 0x10, 101, 501, 0), packet(3, 0x18, 101, 501, 120),
            packet(4, 0x18, 501, 221, 300, isAnswer: true), packet(5, 0x11, 221, 801, 0),
            packet(6, 0x11, 801, 222, 0, isAnswer: true), packet(7, 0x10, 222, 802, 0),
        ]
    }

    /// What a training of an hour saw once, far above all else, is named as not learned.
    @Test(arguments: [1, 2]) func oneOddWindowIsNotLearned(times: Int) throws {
        var records: [CaptureFile.Record] = []
        for second in stride(from: 0, to: 3720, by: 5) {
            records += Self.call("10.0.0.1", "10.0.0.2", 8080, at: Double(second))
        }
        for burst in 1...times {
            for number in 0..<90 {
                let offset = Double(1000 * burst + 1) + Double(number) * 0.1
                records += Self.call("10.0.0.1", "10.0.0.2", 8080, at: offset)
            }
        }
        let capture = try Self.write(records, as: "hour.pcap", in: scratch)
        let run = try Run("train", "-r", capture, "-o", scratch.path("hour.model"))
        #expect(run.status == 0, "\(run.errors)")
        let lines = run.errors.split(separator: "\n").filter { $0.contains("not learned") }
        #expect(lines.count == (times == 1 ? 1 : 0), "\(run.errors)")
        let line = lines.first ?? ""
        #expect(
            times > 1 || line.contains("not learned, since it was seen once: 10.0.0.1, "),
            "\(line)")
    }

    /// The EVE events of a capture, by the short model.
    private func events(_ records: [CaptureFile.Record]) throws -> [[String: Any]] {
        let capture = try Self.write(records, as: "later.pcap", in: scratch)
        let run = try Run("replay", "-r", capture, "-m", model, "--format", "eve")
        #expect(run.status == 0, "\(run.errors)")
        return try run.json
    }

    private func alerts(of address: String, in events: [[String: Any]]) -> [String] {
        events.filter {
            $0["event_type"] as? String == "alert" && $0["src_ip"] as? String == address
        }
        .map { "\($0)" }
    }

    @Test func trainReportsWhatAShortTrainingCannotJudge() throws {
        #expect(training.status == 0, "\(training.errors)")
        #expect(training.errors.contains("only 1"), "\(training.errors)")
        #expect(training.errors.contains("15 minutes or more"), "\(training.errors)")
        let line = training.output.split(separator: "\n").first { $0.contains("10.0.0.4:") }
        let text = try #require(line, "\(training.output)")
        for words in [
            " 1 contacts (1 new)", "no windows of 600 s",
            "no fence for rates in windows of 10, 60 s", "no evidence over minutes",
        ] { #expect(text.contains(words), "\(text)") }
        #expect(training.output.contains("of 3 workloads well; 1 of 3 contacts were new"))
        let shown = try Run("model", "show", model)
        #expect(shown.output.contains(text), "\(shown.output)")
    }

    /// Workloads of which nothing was learned are listed with the reason.
    @Test func workloadsOfWhichNothingWasLearnedAreNamed() throws {
        let inventory = try scratch.write(
            "inventory.yaml",
            Data(
                """
                networks: [{name: lab, prefix: 10.0.0.0/24}]
                workloads:
                  - {name: front, addresses: [10.0.0.1]}
                  - {name: server, addresses: [10.0.0.2]}
                  - {name: asleep, addresses: [10.0.0.77]}

                """.utf8))
        let named = scratch.path("named.model")
        let run = try Run(
            "train", "-r", scratch.path("short.pcap"), "-o", named, "--inventory", inventory)
        #expect(run.status == 0, "\(run.errors)")
        let line = try #require(
            run.output.split(separator: "\n").first { $0.contains("not learned  ") },
            "\(run.output)")
        #expect(
            line.hasSuffix(
                "asleep, server: opened no flow; judged by the baseline of its image, network or "
                    + "node"), "\(line)")
        #expect(run.output.contains("of 5 workloads well, 2 not learned; "), "\(run.output)")
        #expect(!run.output.contains("thin         asleep"), "\(run.output)")
    }

    /// All of the training lies in 180 s: its own contacts must not be what hides later ones.
    @Test func aNewContactAfterAShortTrainingIsReported() throws {
        var clean: [CaptureFile.Record] = []
        for second in 200..<260 { clean += Self.usual(second) }
        #expect(alerts(of: "10.0.0.1", in: try events(clean)) == [])
        let found = alerts(
            of: "10.0.0.1",
            in: try events(clean + Self.call("10.0.0.1", "10.0.0.9", 22, at: 230.2)))
        #expect(found.count >= 1)
        #expect(found.allSatisfy { $0.contains("10.0.0.9") }, "\(found)")
    }

    /// Many logins on a baseline of 20 s are reported, and not fenced; the alert says why.
    @Test func aThinBaselineLeadsToNoFence() throws {
        var records: [CaptureFile.Record] = []
        for second in 200..<240 { records += Self.usual(second) }
        for number in 0..<400 {
            records += Self.call("10.0.0.4", "10.0.0.5", 9042, at: 205 + Double(number) / 20)
        }
        let events = try events(records)
        let found = alerts(of: "10.0.0.4", in: events)
        #expect(found.contains { $0.contains("password guessing") }, "\(found)")
        #expect(found.contains { $0.contains("leads to no fence: the baseline has") }, "\(found)")
        #expect(!events.contains { $0["event_type"] as? String == "quarantine" }, "\(events)")
    }

    @Test func aTooShortTimeToLearnIsRefused() throws {
        let run = try Run("monitor", "-i", "lo", "--learn", "5s", "--socket", "never")
        #expect(run.status == 2 && run.errors.contains("at least 10 s"), "\(run.errors)")
        #expect(run.errors.count { $0 == "\n" } == 1, "\(run.errors)")
    }
}
