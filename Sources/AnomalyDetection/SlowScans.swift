import AttackPatterns
import FeatureExtraction
import NetworkAddresses
import Workloads

/// Remembers which new ports a host tried, for a day: a scan that waits minutes between its
/// probes never has enough of them in one window.
struct SlowScans: Sendable {
    static let hostLimit = 4096
    private static let portLimit = 64
    private static let seconds = 24 * 3600
    /// The least number of ports; the number doubles with each report.
    static let leastPorts = 8

    private struct Host {
        var ports: [(port: UInt16, second: Int)] = []
        /// The last contact that was looked at.
        var second = Int.min
        /// The number of ports of the next report.
        var next = SlowScans.leastPorts

        mutating func add(_ contact: Contact) {
            ports.removeAll {
                contact.second - $0.second > SlowScans.seconds || $0.port == contact.port
            }
            // Those that were forgotten count again.
            if ports.count < SlowScans.leastPorts { next = SlowScans.leastPorts }
            if ports.count == SlowScans.portLimit { ports.removeFirst() }
            ports.append((contact.port, contact.second))
        }
    }

    private var hosts: [IPAddress: Host] = [:]

    /// A scan that goes on for longer than any window.
    struct Scan {
        var ports: Int
        var seconds: Int

        var strength: Float { Float(ports) / Float(SlowScans.leastPorts) }

        var text: String {
            let minutes = max(1, seconds / 60)
            let time = minutes < 120 ? "\(minutes) min" : "\(minutes / 60) h"
            return "\(ports) TCP ports that the baseline never used, tried one by one over \(time)"
                + ", most of them in vain"
        }
    }

    /// The number of hosts that are remembered.
    var count: Int { hosts.count }

    /// Notes a window of ten seconds, and the contacts in it that are new to the baseline: the last
    /// one with each address.
    ///
    /// Only ports of TCP inside count, and only those of windows in which at least half of the new
    /// contacts failed: a client that finds a service is no scanner, and late datagrams have many
    /// ports. A contact outside besides hides none.
    ///
    /// - Returns: nil unless these contacts complete a number of ports to report.
    mutating func note(_ window: Window, _ identities: IdentityMap) -> Scan? {
        guard window.scale == .short, window[.newEdges] >= 1,
            window[.newEdgeFailed] * 2 >= window[.newEdges], !window.isContested
        else { return nil }
        var host = hosts[window.subject] ?? Host()
        let last = window.newContacts.isEmpty ? [window.newContact] : window.newContacts
        let contacts = last.filter {
            $0.ipProtocol == 6 && $0.port != 0 && $0.second > host.second
                && $0.second >= window.startSecond
                && (window[.newOutsidePeers] == 0
                    || identities.identity(of: $0.address).place == .inside)
        }
        guard let second = contacts.map(\.second).max() else { return nil }
        host.second = second
        for contact in contacts { host.add(contact) }
        var found: Scan?
        if host.ports.count >= host.next, let first = host.ports.first {
            host.next *= 2
            found = Scan(ports: host.ports.count, seconds: second - first.second)
        }
        if hosts[window.subject] == nil, hosts.count >= Self.hostLimit { forget() }
        hosts[window.subject] = host
        return found
    }

    /// Forgets the half of the hosts with the fewest ports, of these the oldest first.
    private mutating func forget() {
        let order = hosts.sorted {
            ($0.value.ports.count, $0.value.second, $0.key)
                < ($1.value.ports.count, $1.value.second, $1.key)
        }
        for (address, _) in order.prefix(Self.hostLimit / 2) { hosts[address] = nil }
    }
}
