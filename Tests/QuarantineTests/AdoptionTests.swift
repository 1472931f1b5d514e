import NetworkAddresses
import Quarantine
import TestKit
import Testing
import Timestamps

/// What another program's decision cannot fence.
struct AdoptionTests {
    private let policy: QuarantinePolicy

    init() {
        var policy = QuarantinePolicy(
            inventory: KnownInventory(
                workloads: [
                    KnownWorkload(name: "web", addresses: [prefix("198.51.100.80").address])
                ],
                networks: [
                    KnownNetwork(
                        name: "dmz", prefix: prefix("203.0.113.0/28"),
                        gateway: prefix("203.0.113.1").address)
                ]),
            allowlist: [AllowEntry(prefix("192.0.2.7"), reason: "our scanner")])
        policy.protected.add(prefix("192.0.2.53"), reason: "resolver")
        self.policy = policy
    }

    @Test(arguments: [
        ("192.0.2.53", "protected: resolver"), ("192.0.2.0/24", "protected: resolver"),
        ("192.0.2.7", "our scanner"), ("192.0.2.6/31", "our scanner"),
        ("203.0.113.5", "network dmz"), ("203.0.113.1", "gateway"),
        ("203.0.0.0/16", "network dmz"), ("198.51.100.80", "workload"),
        ("198.51.100.0/24", "workload"), ("8.0.0.0/8", "wider than /16"),
        ("0.0.0.0/0", "wider than /16"), ("2001::/16", "wider than /32"), ("::/0", "wider"),
        ("127.0.0.1", "loopback"), ("224.0.0.1", "multicast"), ("255.255.255.255", "broadcast"),
        ("10.1.2.3", "private"), ("172.16.5.0/24", "private"), ("192.168.1.1", "private"),
        ("100.64.0.1", "private"), ("169.254.169.254", "private"), ("240.0.0.1", "private"),
        ("fd00::1", "private"), ("fe80::1", "private"), ("64:ff9b::1", "private"),
    ])
    func isRefused(text: String, words: String) throws {
        let asked = try #require(IPPrefix(text))
        let why = try #require(
            policy.objection(toAdopting: asked, time: Timestamp(second: 1000)), "\(text)")
        #expect(why.contains(words), "\(text): \(why)")
    }

    @Test(arguments: ["8.8.8.8", "203.0.113.16", "8.8.0.0/16", "2001:db8::9", "2001:db8::/32"])
    func isFenced(text: String) throws {
        let asked = try #require(IPPrefix(text))
        #expect(policy.objection(toAdopting: asked, time: Timestamp(second: 1000)) == nil)
    }
}
