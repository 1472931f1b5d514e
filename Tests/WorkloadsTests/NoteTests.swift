import NetworkAddresses
import Testing
import Workloads
import Timestamps

/// Changes of workloads as text in recordings.
struct NoteTests {
    private func address(_ number: Int) -> IPAddress { IPAddress(v4: 0x0A00_0000 + UInt32(number)) }

    private var change: WorkloadChange {
        get throws {
            var change = WorkloadChange()
            change.holders[address(1)] = .some(
                Inventory.Holder(
                    workload: "shop/web", image: "nginx", labels: ["tier": "front"],
                    mac: MACAddress("02:42:0a:00:00:01"), instance: "docker 3f2a",
                    since: Timestamp(nanoseconds: 5)))
            change.holders[try #require(IPAddress("fd00::7"))] = .some(
                Inventory.Holder(workload: "büro \"7\""))
            change.holders[address(2)] = .some(nil)
            change.times = [
                address(1): Timestamp(nanoseconds: 1_700_000_000_123_456_789),
                address(2): Timestamp(nanoseconds: 7),
            ]
            change.networks = [
                Inventory.Network(
                    name: "shop", prefix: try #require(IPPrefix("10.0.0.0/24")),
                    gateway: address(254))
            ]
            return change
        }
    }

    /// All notes together.
    private func read(_ notes: [String]) -> WorkloadChange {
        notes.compactMap { WorkloadChange(note: $0) }.reduce(into: WorkloadChange()) { all, part in
            all.holders.merge(part.holders) { $1 }
            all.times.merge(part.times) { $1 }
            all.networks = part.networks ?? all.networks
        }
    }

    @Test func notesAreReadAsTheyWereWritten() throws {
        let change = try change
        let back = read(change.notes(limit: 60_000))
        #expect(back.times == change.times && back.networks == change.networks)
        #expect(back.holders.keys.sorted() == change.holders.keys.sorted())
        let web = try #require(back.holders[address(1)] ?? nil)
        #expect(web.workload == "shop/web" && web.image == "nginx")
        #expect(web.labels == ["tier": "front"] && web.mac == MACAddress("02:42:0a:00:00:01"))
        #expect(web.instance == "docker 3f2a")
        #expect(back.holders[address(2)] == .some(nil))
        let office = try #require(IPAddress("fd00::7"))
        #expect(back.holders[office]??.workload == "büro \"7\"" && back.times[office] == nil)
    }

    @Test func notesStayWithinTheLimitAndLoseNoHolder() {
        var change = WorkloadChange()
        for number in 1...3000 {
            change.holders[address(number)] = .some(Inventory.Holder(workload: "w\(number)"))
            change.times[address(number)] = Timestamp(nanoseconds: Int64(number))
        }
        let notes = change.notes(limit: 4096)
        #expect(notes.count > 10 && notes.allSatisfy { $0.utf8.count <= 4096 })
        let back = read(notes)
        #expect(back.holders.count == 3000 && back.times == change.times)
        #expect(change.notes(limit: 4096) == notes)
    }

    @Test(arguments: [
        "", "{", "[]", "null", #"{"holders": 7}"#, #"{"holders": [{"address": 7}]}"#,
    ])
    func invalidTextIsNotANote(text: String) { #expect(WorkloadChange(note: text) == nil) }

    @Test func invalidPartsAreSkippedAndNamesAreCleaned() {
        let text =
            #"""
            {"holders": [{"address": "10.0.0.300", "workload": "a"}, {"address": "10.0.0.1", \#
            "workload": ""},
            """#
            + #" {"address": "10.0.0.2", "workload": "x\u001b[31m\u202ey", "mac": "no"}],"#
                + #"""
                 "freed": [{"address": "?"}], "networks": [{"name": "n", "prefix": "1.2.3"}], \#
                "other": 1}
                """#
        let change = WorkloadChange(note: text)
        #expect(change?.holders.count == 1 && change?.networks == [])
        #expect(change?.holders[address(2)]??.workload == "x?[31m?y")
    }
}
