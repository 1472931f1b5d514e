import NetworkAddresses
import Testing

@testable import AnomalyDetection

/// The comparison of a host's minutes with those of its group.
struct PeerMinutesTests {
    /// A whole group that has become busier is no evidence against a member; a host cannot hide by
    /// its own minutes.
    @Test func minutesThatPeersHaveTooAreNoEvidence() {
        var peers = PeerMinutes()
        let hosts = (1...4).map { IPAddress(v4: 0x0A00_0000 + $0) }
        for minute in 0..<60 {
            for (number, host) in hosts.enumerated() {
                let share = peers.add(
                    host, second: minute * 60, score: number == 0 ? 0.7 : 0.6, to: "web")
                guard minute > 20 else { continue }
                #expect(number == 0 ? share == 0 : share > 0.8, "\(minute) \(number) \(share)")
            }
        }
        // Another group, and too few minutes of others.
        #expect(peers.add(hosts[1], second: 3600, score: 0.6, to: "db") == 0)
        #expect(peers.add(hosts[1], second: 7300, score: 0.6, to: "web") == 0)
    }
}
