import Foundation
import TestKit
import Testing

/// `lazaret flows --inventory`.
struct FlowWorkloadTests {
    private func flows(_ more: String...) throws -> Run {
        try Run(
            ["flows", "-r", "captures/mixed.pcap", "--inventory", "captures/inventory.yaml"]
                + more)
    }

    @Test func tableCSVAndJSONNameTheWorkloads() throws {
        let table = try flows().output.split(separator: "\n")
        #expect(table.first?.hasSuffix("  WORKLOADS") == true)
        #expect(table.contains { $0.contains("10.60.4.12:") && $0.contains("  worker > ") })

        let csv = try flows("--format", "csv").output.split(separator: "\n")
        #expect(csv.first?.hasSuffix(",orig_workload,resp_workload") == true)
        let columns = csv.first?.count { $0 == "," }
        #expect(csv.allSatisfy { line in line.count { $0 == "," } == columns })
        #expect(csv.contains { $0.contains(",10.60.4.12,") && $0.contains(",worker,") })

        let json = try flows("--format", "json").json
        let own = json.filter { $0["orig"] as? String == "10.60.4.12" }
        #expect(!own.isEmpty && own.allSatisfy { $0["orig_workload"] as? String == "worker" })
        // Without the option nothing is added.
        let plain = try Run("flows", "-r", "captures/mixed.pcap", "--format", "json").json
        #expect(plain.count == json.count && plain.allSatisfy { $0["orig_workload"] == nil })
    }

    /// A flow has one identifier in all formats, by which tools are joined.
    @Test func everyFormatHasTheSameCommunityIDs() throws {
        func lines(_ format: String) throws -> [Substring] {
            try Run(
                "flows", "-r", "captures/clean-test.pcap", "--community-id", "--format", format
            ).output
                .split(separator: "\n").filter { !$0.hasPrefix("#") }
        }
        let csv = try lines("csv").dropFirst().map { $0.split(separator: ",").last }
        let zeek = try lines("zeek").map { $0.split(separator: "\t").last }
        #expect(csv == zeek && csv.count > 100)
        for format in ["json", "eve"] {
            let found = try lines(format).map {
                $0.firstMatch(of: /"community_id":"(1:[^"]+)"/)?.1
            }
            #expect(csv == found, "\(format)")
        }
    }

    @Test func otherFormatsRefuseIt() throws {
        for format in ["zeek", "eve", "ipfix"] {
            let run = try flows("--format", format)
            #expect(run.status == 2 && run.errors.contains("--inventory"), "\(run.errors)")
        }
    }
}
