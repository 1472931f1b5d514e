import NetworkAddresses
import Testing
import Workloads

struct InventoryTests {
    static let text = """
        workloads:
          - name: web
            image: nginx:1.27
            labels: {tier: front}
            addresses: [10.1.0.5, 10.1.0.6]
            macs: ["02:42:0a:01:00:05"]
          - {name: pool, addresses: [10.2.0.0/28]}
        networks:
          - {name: front, prefix: 10.1.0.0/24, gateway: 10.1.0.1}
          - {name: back, prefix: 10.2.0.0/24}
        """

    private func address(_ text: String) throws -> IPAddress { try #require(IPAddress(text)) }

    @Test func addressesBecomeWorkloads() throws {
        let inventory = try Inventory(yaml: Self.text, path: "inventory.yaml")
        #expect(try inventory.workload(of: address("10.1.0.6"))?.name == "web")
        #expect(try inventory.workload(of: address("10.2.0.15"))?.name == "pool")
        #expect(try inventory.workload(of: address("10.2.0.16")) == nil)
        #expect(try inventory.network(of: address("10.2.0.16"))?.name == "back")
        #expect(inventory.workloads[0].macs == [MACAddress("02:42:0a:01:00:05")])
    }

    @Test func replicasAreMembersWithAllTheirAddresses() throws {
        let text = """
            workloads:
              - name: web
                addresses: [10.1.0.5, 10.1.0.9]
                macs: ["02:42:0a:01:00:05", "02:42:0a:01:00:09"]
                instances:
                  - {addresses: [10.1.0.6, "fd00::6"], macs: ["02:42:0a:01:00:06"]}
            """
        let inventory = try Inventory(yaml: text, path: "i")
        func described(_ workload: Inventory.Workload?) -> [String] {
            (workload?.members ?? []).map {
                ($0.addresses.map(\.description) + $0.macs.map { "\($0)" }).joined(separator: " ")
            }.sorted()
        }
        let expected = [
            "10.1.0.5 02:42:0a:01:00:05", "10.1.0.6 fd00::6 02:42:0a:01:00:06",
            "10.1.0.9 02:42:0a:01:00:09",
        ]
        #expect(described(inventory.workloads.first) == expected)
        #expect(try inventory.workload(of: address("fd00::6"))?.name == "web")
        // It is read as it is written.
        #expect(
            try described(Inventory(yaml: inventory.yaml, path: "i").workloads.first) == expected)
        // Without instances, addresses of both families and MAC addresses are in the same order.
        let paired = try Inventory(
            yaml: """
                workloads:
                  - name: web
                    addresses: [10.1.0.5, 10.1.0.9, "fd00::5", "fd00::9"]
                    macs: ["02:42:0a:01:00:05", "02:42:0a:01:00:09"]
                """, path: "i")
        #expect(
            described(paired.workloads.first) == [
                "10.1.0.5 02:42:0a:01:00:05", "10.1.0.9 02:42:0a:01:00:09",
                "fd00::5 02:42:0a:01:00:05", "fd00::9 02:42:0a:01:00:09",
            ])
        // Replicas are distinguished by the engine's instances, otherwise by MAC address.
        var holders: [IPAddress: Inventory.Holder] = [:]
        for (text, instance, mac) in [
            ("10.1.0.5", "a", "02:00:00:00:00:01"), ("fd00::5", "a", "02:00:00:00:00:01"),
            ("10.2.0.5", "a", "02:00:00:00:00:02"), ("10.1.0.6", "b", nil), ("fd00::6", "b", nil),
            ("10.1.0.7", nil, "02:00:00:00:00:07"), ("fd00::7", nil, "02:00:00:00:00:07"),
            ("10.1.0.8", nil, nil),
        ] {
            holders[try address(text)] = Inventory.Holder(
                workload: "web", mac: mac.flatMap { MACAddress($0) }, instance: instance)
        }
        let live = Inventory(holders: holders, networks: [])
        #expect(
            described(live.workloads.first) == [
                "10.1.0.5 10.2.0.5 fd00::5 02:00:00:00:00:01 02:00:00:00:00:02",
                "10.1.0.6 fd00::6", "10.1.0.7 fd00::7 02:00:00:00:00:07", "10.1.0.8",
            ])
        let again = try Inventory(yaml: live.yaml, path: "i")
        #expect(described(again.workloads.first) == described(live.workloads.first))
        // An address with a new owner no longer belongs to the member.
        let given = try Inventory(
            workloads: [.init(name: "db", addresses: [#require(IPPrefix("fd00::5"))])], networks: []
        )
        #expect(
            described(given.merging(live).workloads.last).first
                == "10.1.0.5 10.2.0.5 02:00:00:00:00:01 02:00:00:00:00:02")
    }

    @Test func jsonIsAcceptedToo() throws {
        let json = #"{"workloads": [{"name": "web", "addresses": ["10.1.0.5"]}], "networks": []}"#
        #expect(try Inventory(yaml: json, path: "i.json").workloads.map(\.name) == ["web"])
    }

    @Test func identitiesSurviveNewAddresses() throws {
        let map = IdentityMap(inventory: try Inventory(yaml: Self.text, path: "i"))
        #expect(try map.identity(of: address("10.1.0.5")) == map.identity(of: address("10.1.0.6")))
        #expect(try map.identity(of: address("10.1.0.1")).place == .gateway)
        #expect(try map.identity(of: address("10.1.0.9")).name == "10.1.0.9")
        #expect(try map.identity(of: address("192.168.9.9")).place == .outside)
        #expect(try map.identity(of: address("10.1.0.255")).place == .group)
        #expect(try map.identity(of: address("224.0.0.251")).place == .group)
        let texts = [
            "10.1.0.5", "10.1.0.1", "10.1.0.9", "10.1.0.255", "192.168.9.9", "224.0.0.251",
        ]
        for text in texts {
            let identity = try map.identity(of: address(text))
            let name = try map.workloadName(of: address(text))
            #expect(name == (identity.isNamed ? identity.name : nil), "\(text)")
        }
        #expect(try map.workloadName(of: address("10.1.0.1")) == "gateway of front")
        let bare = IdentityMap(inventory: .empty)
        #expect(try bare.identity(of: address("192.168.9.9")).place == .inside)
        #expect(try bare.identity(of: address("192.168.9.9")).network == "192.168.9.0/24")
        #expect(try bare.identity(of: address("8.8.8.8")).name == IdentityMap.outside)
    }

    @Test(arguments: [
        ("", "the file is empty"), ("[1, 2]", "must be a mapping"),
        ("workload: []", "line 1: unknown key 'workload'"),
        ("workloads: [{name: a, addresses: [10.0.0.300]}]", "'10.0.0.300' of workload 'a'"),
        ("workloads: [{addresses: []}]", "'name' is missing"),
        (
            "workloads: [{name: a, instances: [{addresses: [10.0.0.0/24]}]}]",
            "'10.0.0.0/24' of an instance of workload 'a' is no address"
        ), ("workloads: [{name: a, instances: [{address: x}]}]", "unknown key 'address'"),
        ("networks: [{name: n, prefix: abc}]", "'prefix' of network 'n'"),
        ("workloads: [{name: a}, {name: a}]", "'a' is given twice"),
        ("workloads: {", "not YAML or JSON"),
        (
            "workloads: [{name: a, addresses: [10.0.0.1]}, {name: b, addresses: [10.0.0.1]}]",
            "10.0.0.1 is given to both 'a' and 'b'"
        ),
    ])
    func errorsAreNamed(text: String, words: String) {
        let error = #expect(throws: InventoryError.self) {
            try Inventory(yaml: text, path: "inv.yaml")
        }
        #expect(error.map { "\($0)".contains(words) } == true, "\(String(describing: error))")
    }

    @Test func missingFilesAndDirectoriesAreNamed() {
        let missing = #expect(throws: InventoryError.self) {
            try Inventory(path: "/nowhere/inventory")
        }
        #expect(missing.map { "\($0)" } == "/nowhere/inventory: No such file or directory")
        let directory = #expect(throws: InventoryError.self) { try Inventory(path: "/tmp") }
        #expect(directory.map { "\($0)".hasPrefix("/tmp: ") } == true)
    }
}
