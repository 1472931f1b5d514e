import AnomalyDetection
import AttackPatterns
import Foundation
import Testing

@testable import Events
import Timestamps

/// A file of EVE lines from any program.
struct EVEReaderTests {
    private func write(_ text: String) throws -> String {
        let path = NSTemporaryDirectory() + "lazaret-\(UUID().uuidString).json"
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        return path
    }

    @Test func theFileOfTheFirstVersionIsSearched() throws {
        let reader = try EVEReader(Samples.firstVersion)
        let (event, alert) = try reader.alert("d346eb09b7787e59")
        #expect(event.time == Timestamp(second: 1_795_223_577) && alert.workload == "worker")
        #expect(alert.pattern == .verticalScan && alert.contact?.port == 853)
        let rules = try Samples.firstVersionLines().compactMap { line in
            if case .quarantine(let change) = try? Event(eve: Data(line.utf8)).payload {
                change.quarantineID
            } else {
                nil as String?
            }
        }
        for rule in rules {
            let changes = reader.changes(ofRule: rule).map(\.change)
            #expect(!changes.isEmpty && changes.allSatisfy { $0.quarantineID == rule })
        }
        let flow = try #require(
            try Samples.firstVersionLines().first { $0.contains("\"event_type\":\"flow\"") })
        let source = try #require(flow.firstMatch(of: /"src_ip":"([^"]+)"/)).1
        var flows: [EVEFlow] = []
        reader.forEachFlow(from: String(source)) { flows.append($0) }
        #expect(flows.count == 1 && flows[0].end >= flows[0].start && flows[0].packetsToServer > 0)
    }

    @Test func otherLinesAroundAnAlertAreSkipped() throws {
        let alert = Event(time: Samples.time, .alert(Samples.fullAlert))
        let change = Event(
            time: Timestamp(nanoseconds: 1000),
            .quarantine(Samples.change("10.0.0.1", isFull: true)))
        let id = try #require(alert.identifier)
        let long = "{\"\(id)\":\"" + String(repeating: "x", count: Event.longestLine) + "\"}"
        let path = try write(
            [long, "not JSON \"\(id)\"", change.eve, alert.eve, "\"\(id)\""].joined(separator: "\n")
        )
        defer { try? FileManager.default.removeItem(atPath: path) }
        let reader = try EVEReader(path)
        #expect(try reader.alert(id).event == alert)
        #expect(reader.changes(ofRule: "q-17").map(\.event) == [change])
        #expect(reader.changes(ofRule: "q-1").isEmpty)
    }

    @Test(arguments: [
        (
            #"{"event_type":"alert","lazaret":{"event_id":"e1"}}"#,
            "event e1 cannot be read: 'alert'"
        ),
        (#"{"event_type":"dns"}"#, "holds no alert with event_id e1"),
        ("{\"a\":1}\n{}", "holds no EVE events"), ("", "holds no EVE events"),
        ("\u{0}{\n{\n\"e1", "holds no EVE events"),
    ])
    func aMissingAlertIsReportedWithTheReason(text: String, why: String) throws {
        let path = try write(text)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let error = #expect(throws: (any Error).self) { try EVEReader(path).alert("e1") }
        #expect(error.map { "\($0)" }?.contains(why) == true, "\(String(describing: error))")
    }
}
