import Events
import Foundation
import TestKit
import Testing
import Timestamps

/// Events as EVE JSON: written, read, and lines of other programs.
struct EVETests {
    @Test(arguments: Samples.events)
    func everyFieldSurvivesEncoding(event: Event) throws {
        let line = event.eve
        let read = try Event(eve: Data(line.utf8))
        #expect(read == event)
        #expect(read.eve == line && !line.contains("\n"))
    }

    @Test func theKeysAreInAFixedOrder() {
        let refused = Event(
            time: Samples.time, .quarantine(Samples.change("10.0.0.1", isFull: true)))
        #expect(
            refused.eve == """
                {"timestamp":"2026-11-21T01:12:57.000250+0000","event_type":"quarantine",\
                "src_ip":"10.0.0.1","lazaret":{"quarantine_id":"q-17","action":"refused",\
                "refused_because":"allowlisted: scanner","target":"10.0.0.1","response":"egress",\
                "until":"2026-11-21T01:22:57.000250+0000","reason":"port scan",\
                "event_id":"d346eb09b7787e59","workload":"worker",\
                "undo":"lazaret quarantine release 10.0.0.1","dry_run":true,\
                "failure":"the kernel refused it"}}
                """)
        let ranked = Event(time: .epoch, .alert(Samples.rankedAlert))
        #expect(
            ranked.eve == """
                {"timestamp":"1970-01-01T00:00:00.000000+0000","event_type":"alert",\
                "src_ip":"fd00::1","alert":{"action":"allowed","gid":4000,"signature_id":1,"rev":1,\
                "signature":"Lazaret unusual traffic","category":"Misc activity","severity":3},\
                "lazaret":{"workload":"fd00::1","offender":"fd00::1","role":"source",\
                "scale_s":600,"score":1,"reasons":[{"text":"3034 flows opened in 600 s"}],\
                "decision":"none"}}
                """)
    }

    @Test func anUnknownOffenderIsSaidToBeUnknown() {
        let line = Event(time: .epoch, .alert(Samples.floodAlert)).eve
        #expect(line.contains(#""src_ip":"0.0.0.0""#) && line.contains(#""dest_ip":"10.60.3.5""#))
        #expect(line.contains(#""offender":"unknown""#) && line.contains(#""role":"target""#))
        #expect(line.contains(#""target":"10.60.3.5""#))
    }

    @Test func severityAndSubjectFollowFromThePayload() {
        let facts = Samples.events.map { ($0.kind, $0.severity, $0.identifier, $0.subject) }
        #expect(facts[0] == (.alert, .high, "d346eb09b7787e59", "worker \"1\"\\\n\u{1}é"))
        #expect(facts[1] == (.alert, .low, nil, "fd00::1"))
        #expect(facts[3] == (.quarantine, .medium, "q-17", "10.60.4.0/24"))
        #expect(facts[6] == (.stats, .informational, nil, ""))
    }

    @Test func anAlertOfManyMinutesSaysHowMuchEvidenceTheyAre() {
        let line = Event(time: .epoch, .alert(Samples.minutesAlert)).eve
        let fields =
            "\"evidence_minutes\":6,\"evidence_log10\":5.25,\"evidence_line_log10\":4.75"
        #expect(line.contains(fields), "\(line)")
    }

    @Test func anImageIsWrittenAndRead() throws {
        var alert = Samples.rankedAlert
        alert.add(
            Event.Alert.Image(
                id: "c0c0c0c0c0c0", reference: "shop/web:2.4", isWeak: false,
                findings: .init(critical: 1, high: 2, medium: 3, low: 4, unknown: 5), fixable: 6,
                knownExploited: (1...7).map { "CVE-2026-000\($0)" }, highestEPSS: 0.25,
                reportAgeSeconds: 60), isRaised: false)
        let event = Event(time: Samples.time, .alert(alert))
        #expect(
            event.eve.contains(
                """
                "image":{"id":"c0c0c0c0c0c0","reference":"shop/web:2.4","join":"strong",\
                "findings":{"critical":1,"high":2,"medium":3,"low":4,"unknown":5},"fixable":6,\
                "known_exploited":["CVE-2026-0001","CVE-2026-0002","CVE-2026-0003",\
                "CVE-2026-0004","CVE-2026-0005"],"known_exploited_count":7,"highest_epss":0.25,\
                "report_age_s":60}
                """), "\(event.eve)")
        #expect(try Event(eve: Data(event.eve.utf8)) == event)
    }

    @Test func linesOfTheFirstVersionAreReadWithAllFields() throws {
        var kinds: [Event.Kind: Int] = [:]
        for line in try Samples.firstVersionLines() {
            do throws(EVEError) {
                let event = try Event(eve: Data(line.utf8))
                // What has been added since follows from the other fields.
                #expect(try Event(eve: Data(event.eve.utf8)).eve == event.eve)
                if event.kind == .stats { #expect(event.eve == line) }
                // Patterns had other names.
                if case .alert(let alert) = event.payload {
                    #expect((alert.pattern != nil) == line.contains("\"pattern\":"))
                }
                kinds[event.kind, default: 0] += 1
            } catch {
                #expect(error == .unknownType("flow"))
            }
        }
        #expect(kinds == [.alert: 16, .quarantine: 4, .stats: 1])
    }

    @Test(arguments: Samples.events)
    func aTruncatedLineIsMalformed(event: Event) {
        let line = Data(event.eve.utf8)
        for count in 0..<line.count {
            let error = #expect(throws: EVEError.self) { try Event(eve: line.prefix(count)) }
            guard case .malformed(let why) = error, !why.isEmpty else {
                Issue.record("\(count) bytes: \(String(describing: error))")
                return
            }
        }
    }

    @Test(arguments: [
        ("", "not a JSON object"), ("{}", "'event_type' is missing"), ("null", "not a JSON object"),
        ("[]", "not a JSON object"), ("1e999", "not a JSON object"),
        (#"{"event_type":7}"#, "'event_type' means nothing"),
        (#"{"event_type":"stats"}"#, "'stats' is missing"),
        (#"{"event_type":"stats","stats":[]}"#, "'stats' means nothing"),
        (#"{"event_type":"alert","lazaret":{}}"#, "'alert' is missing"),
        (#"{"event_type":"alert","alert":{},"lazaret":{}}"#, "'scale_s' is missing"),
    ])
    func missingAndInvalidFieldsAreNamed(line: String, why: String) {
        #expect(throws: EVEError.malformed(why)) { try Event(eve: Data(line.utf8)) }
    }

    @Test(arguments: [
        ("\"scale_s\":10", "\"scale_s\":11"), ("\"score\":0.9817", "\"score\":1e999"),
        ("\"offender\":\"10.60.4.13\"", "\"offender\":\"nobody\""),
        ("\"mac\":\"02:", "\"mac\":\"xx:"), ("\"dest_port\":853", "\"dest_port\":65536"),
        ("\"proto\":\"TCP\"", "\"proto\":\"\""), ("\"window_end\":1795223577", "\"window_end\":1"),
        ("\"window_start\":1795223567", "\"window_start\":-9223372036854775808"),
        ("2026-11-21T", "2026-13-21T"),
        ("2026-11-21T01:12:57.000250+0000", "1970-01-01T00:00:00+2359"),
        ("\"severity\":1", "\"severity\":1.5"),
        ("\"value\":881.38", "\"value\":null"),
    ])
    func anInvalidFieldInvalidatesItsAlert(field: String, other: String) throws {
        let line = Event(time: Samples.time, .alert(Samples.fullAlert)).eve
        #expect(line.contains(field))
        let spoilt = Data(line.replacingOccurrences(of: field, with: other).utf8)
        let error = #expect(throws: EVEError.self) { try Event(eve: spoilt) }
        guard case .malformed = error else {
            Issue.record("\(String(describing: error))")
            return
        }
    }

    @Test func hostileLinesAreRefused() throws {
        let deep = String(repeating: "[", count: 200_000)
        for line in [deep, #"{"event_type":"# + deep, "{\"a\":" + deep + "}"] {
            #expect(throws: EVEError.self) { try Event(eve: Data(line.utf8)) }
        }
        #expect(throws: EVEError.self) { try Event(eve: Data([0xFF, 0xFE, 0, 0x7B])) }
        let long = Data(repeating: UInt8(ascii: " "), count: Event.longestLine + 1)
        #expect(throws: EVEError.tooLong(byteCount: long.count)) { try Event(eve: long) }
        #expect(throws: EVEError.unknownType("dns")) {
            try Event(eve: Data(#"{"event_type":"dns","dns":{}}"#.utf8))
        }
        // A later version has additional fields.
        let line = Event(time: .epoch, .alert(Samples.fullAlert)).eve
            .replacingOccurrences(of: "\"pattern\":\"port_scan\"", with: "\"pattern\":\"new\"")
            .replacingOccurrences(of: "\"severity\":1", with: "\"severity\":9,\"gid\":[{}]")
        var expected = Samples.fullAlert
        expected.pattern = nil
        expected.severity = .informational
        #expect(try Event(eve: Data(line.utf8)) == Event(time: .epoch, .alert(expected)))
    }

    @Test(arguments: 0..<4 as Range<UInt64>)
    func everyReadEventCanBeWrittenAndReadAgain(seed: UInt64) throws {
        var generator = SeededGenerator(seed: seed)
        let lines = try Samples.firstVersionLines() + Samples.events.map(\.eve)
        var readCount = 0
        for round in 0..<4000 {
            var bytes = Array(lines[round % lines.count].utf8)
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: bytes.indices, using: &generator)
                switch Int.random(in: 0..<3, using: &generator) {
                case 0: bytes[place] = UInt8.random(in: 32..<127, using: &generator)
                case 1: bytes.remove(at: place)
                default: bytes.insert(UInt8.random(in: 48..<58, using: &generator), at: place)
                }
            }
            guard let event = try? Event(eve: Data(bytes)) else { continue }
            readCount += 1
            let again = try Event(eve: Data(event.eve.utf8))
            #expect(
                again.eve == event.eve, "seed \(seed): \(String(decoding: bytes, as: UTF8.self))")
        }
        #expect(readCount > 400)
    }
}
