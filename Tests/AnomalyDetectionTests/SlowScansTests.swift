import AttackPatterns
import FeatureExtraction
import NetworkAddresses
import Testing
import Workloads

@testable import AnomalyDetection

/// Probes that wait for minutes.
struct SlowScansTests {
    /// A window of ten seconds at whose end a new contact was tried.
    private func window(
        _ host: UInt32, port: UInt16, at second: Int, failed: Float = 1, edges: Float = 1,
        ipProtocol: UInt8 = 6
    ) -> Window {
        var values = [Float](repeating: 0, count: Feature.count)
        values[Feature.newEdges.rawValue] = edges
        values[Feature.newEdgeFailed.rawValue] = failed
        var window = Window(
            subject: IPAddress(v4: host), scale: .short, endSecond: second, values: values)
        window.newContact.address = IPAddress(v4: 99)
        window.newContact.port = port
        window.newContact.ipProtocol = ipProtocol
        window.newContact.second = second
        return window
    }

    @Test func portsOfHoursAreAddedUp() throws {
        var scans = SlowScans()
        for number in 0..<7 {
            #expect(scans.note(window(1, port: UInt16(20 + number), at: number * 300)) == nil)
        }
        let eighth = scans.note(window(1, port: 80, at: 2100))
        let scan = try #require(eighth)
        #expect(scan.ports == 8 && scan.seconds == 2100 && scan.strength == 1)
        #expect(scan.text.hasPrefix("8 TCP ports") && scan.text.contains("over 35 min"))
        // The same contact in a later window, and the next report at twice as many.
        #expect(scans.note(window(1, port: 80, at: 2100)) == nil)
        for number in 1..<8 {
            #expect(scans.note(window(1, port: UInt16(90 + number), at: 2100 + number)) == nil)
        }
        #expect(scans.note(window(1, port: 99, at: 20_000))?.ports == 16)
    }

    /// One port again and again, few ports of many hosts, services that answer, datagrams, and the
    /// ports of a week.
    @Test(arguments: 0..<5) func whatIsNoScan(kind: Int) {
        var scans = SlowScans()
        for number in 0..<200 {
            let port = UInt16(1000 + number)
            let found =
                switch kind {
                case 0: scans.note(window(1, port: 7777, at: number * 300))
                case 1: scans.note(window(1, port: port % 7, at: number * 300))
                case 2: scans.note(window(1, port: port, at: number * 300, failed: 1, edges: 3))
                case 3: scans.note(window(1, port: port, at: number * 300, ipProtocol: 17))
                default: scans.note(window(1, port: port, at: number * 4 * 3600))
                }
            #expect(found == nil)
        }
    }

    /// A crowd of hosts with one probe each takes a fixed amount of memory, and does not make the
    /// scanner forgotten.
    @Test func aCrowdHidesNoScanner() {
        var scans = SlowScans()
        for number in 0..<7 {
            _ = scans.note(window(1, port: UInt16(20 + number), at: number * 300))
        }
        for host in UInt32(1000)..<20_000 {
            _ = scans.note(window(host, port: 80, at: 2000))
            #expect(scans.count <= SlowScans.hostLimit)
        }
        #expect(scans.note(window(1, port: 99, at: 2100))?.ports == 8)
    }
}

extension SlowScans {
    fileprivate mutating func note(_ window: Window) -> Scan? {
        note(window, IdentityMap(inventory: .empty))
    }
}
