import BaselineGraph
import NetworkAddresses
import TestKit
import Testing
import Workloads

@testable import LeastPrivilege

struct PodSelectorTests {
    private func inventory(_ labels: [(String, [String: String])]) throws -> Inventory {
        try Inventory(
            workloads: labels.map { Inventory.Workload(name: $0, labels: $1, addresses: []) },
            networks: [])
    }

    private func selector(_ name: String, _ inventory: Inventory) -> PodSelector {
        PodSelector(name, in: inventory, namespace: "default")
    }

    @Test func labelsSelectAWorkloadOnlyIfTheySelectNoOther() throws {
        let inventory = try inventory([
            ("shop/web", ["app": "web", "pod-template-hash": "5d9f"]),
            ("shop/api", ["app": "api"]),
            // Every label of `api`, so those of `api` select it as well.
            ("shop/job", ["app": "api", "role": "job"]), ("shop/bare", [:]),
            // The same label in another namespace.
            ("blog/web", ["app": "web"]),
        ])
        let web = selector("shop/web", inventory)
        #expect(web.namespace == "shop" && web.text == "{\"app\": \"web\"}" && !web.isByConvention)
        let api = selector("shop/api", inventory)
        #expect(api.isByConvention && api.text == "{\"app.kubernetes.io/name\": \"api\"}")
        #expect(selector("shop/job", inventory).text == "{\"app\": \"api\", \"role\": \"job\"}")
        #expect(selector("shop/bare", inventory).isByConvention)
        #expect(!selector("blog/web", inventory).isByConvention)
    }

    @Test func labelsThatKubernetesRefusesAreNotUsed() throws {
        for labels in [
            ["app": "two words"], ["app": String(repeating: "a", count: 64)], ["a/b/c": "x"],
            ["-app": "x"], ["": "x"], ["app": "x\ny"],
        ] {
            let own = selector("web", try inventory([("web", labels)]))
            #expect(own.isByConvention && own.namespace == "default", "\(labels)")
        }
    }

    @Test func namesBecomeValidValues() {
        for (name, space, value) in [
            ("web", "default", "web"), ("my_web.v2", "default", "my_web.v2"),
            ("docker.io/library/nginx", "default", "docker.io-library-nginx"),
            ("Shop/web", "default", "Shop-web"), ("shop/", "default", "shop"),
            ("ns/-web-", "ns", "web"), ("…", "default", "workload"),
        ] {
            let own = selector(name, .empty)
            #expect(own.namespace == space, "\(name)")
            #expect(own.labels.map(\.value) == [value], "\(name)")
        }
    }
}

struct ServiceGroupTests {
    /// Random contacts: services share a group exactly if they have a contact.
    @Test(arguments: 0..<30)
    func servicesShareAGroupExactlyIfTheyHaveAContact(seed: Int) {
        var random = SeededGenerator(seed: UInt64(seed))
        let names = (0..<12).map { "s\($0)" }
        var contacts: [String: Set<String>] = [:]
        for one in names {
            for other in names where one < other && Int.random(in: 0..<3, using: &random) == 0 {
                contacts[one, default: []].insert(other)
                contacts[other, default: []].insert(one)
            }
        }
        var shared: [String: Set<String>] = [:]
        let groups = ServiceGroups.cover(contacts)
        for group in groups {
            #expect(group == group.sorted() && Set(group).count == group.count)
            for member in group {
                shared[member, default: []].formUnion(group.filter { $0 != member })
            }
        }
        #expect(shared == contacts, "seed \(seed)")
        let pairs = contacts.values.reduce(0) { $0 + $1.count } / 2
        #expect(groups.count <= pairs)
    }

    @Test func aTriangleIsOneGroup() {
        #expect(
            ServiceGroups.cover(["a": ["b", "c"], "b": ["a", "c"], "c": ["a", "b"]])
                == [["a", "b", "c"]])
    }
}

struct ComposeNetworkTests {
    private func policy(_ names: [String]) throws -> ContactPolicy {
        try ContactPolicy(
            edges: names.dropFirst().map { (names[0], $0, Shop.http) }, outside: [], modelID: "",
            inventory: .empty, allowsAnyOutside: false)
    }

    @Test func aFileHasTheServicesOfOneProject() throws {
        let several = try policy(["shop/web", "shop/db", "blog/web"])
        #expect(throws: PolicyError.severalProjects(["blog", "shop"])) {
            try ComposeNetworks.render(several, project: nil)
        }
        #expect(throws: PolicyError.noSuchProject("x")) {
            try ComposeNetworks.render(several, project: "x")
        }
        let shop = try ComposeNetworks.render(several, project: "shop")
        #expect(shop.text.contains("  \"web\":\n    networks: [\"db-web\"]\n"))
        #expect(shop.remarks.count == 1 && shop.remarks[0].hasPrefix("shop/web -> blog/web TCP 80"))
        #expect(try ComposeNetworks.render(policy(["web", "db"]), project: nil).remarks.isEmpty)
    }

    @Test func twoWorkloadsAreNeverOneService() throws {
        #expect(throws: PolicyError.self) {
            try ComposeNetworks.render(try policy(["a b", "a:b"]), project: nil)
        }
    }

    /// A service without a network would join the default network, with all others like it.
    @Test func everyServiceHasANetwork() throws {
        let text = try ComposeNetworks.render(Shop.policy(), project: nil).text
        #expect(text.contains("\"gone\":\n    networks: [\"db-gone\"]"))
        #expect(text.contains("\"web\":\n    networks: [\"app-web\", \"web-outside\"]"))
        #expect(text.contains("  # outside -> web TCP 80\n  \"web-outside\":\n    internal: false"))
        #expect(text.contains("  \"app-web\":\n    internal: true"))
        let alone = try ContactPolicy(
            edges: [("solo", "solo", Shop.http)], outside: [], modelID: "", inventory: .empty,
            allowsAnyOutside: false)
        #expect(
            try ComposeNetworks.render(alone, project: nil).text
                .contains("\"solo\":\n    networks: [\"solo-alone\"]"))
    }
}

struct KubernetesPolicyTests {
    /// A policy is applied after a service's address is translated, so its pods must be allowed.
    @Test func theNamespaceOfAServiceMayBeContacted() throws {
        let dns = Service(ipProtocol: 17, port: 53)
        for isListed in [true, false] {
            let workloads =
                [Inventory.Workload(name: "shop/web", addresses: [try Shop.prefix("10.9.1.10")])]
                + (isListed
                    ? [
                        Inventory.Workload(
                            name: "service kube-system/dns",
                            addresses: [try Shop.prefix("10.96.0.10")])
                    ] : [])
            let policy = try ContactPolicy(
                edges: [
                    ("shop/web", "service kube-system/dns", dns),
                    ("node one", "shop/web", Shop.http),
                ], outside: [], modelID: "",
                inventory: try Inventory(
                    workloads: workloads,
                    networks: [
                        Inventory.Network(name: "pods", prefix: Shop.prefix("10.9.1.0/24"))
                    ]), allowsAnyOutside: false)
            #expect(policy.governed == [.workload("shop/web")])
            let written = try KubernetesPolicies.render(policy, namespace: "default")
            #expect(written.text.split(separator: "\n").count { $0 == "kind: NetworkPolicy" } == 1)
            let selector =
                "- namespaceSelector: {matchLabels: "
                + "{\"kubernetes.io/metadata.name\": \"kube-system\"}}\n      ports:\n"
            #expect(written.text.contains(selector), "\(written.text)")
            #expect(written.text.contains("{cidr: \"10.96.0.10/32\"}") == isListed)
            #expect(written.remarks.contains { $0.hasPrefix("service kube-system/dns: ") })
        }
    }
}

@Suite(.needsKernel)
struct NftPairTests {
    /// Random nested prefixes and contacts: the kernel refuses a set with elements that overlap.
    @Test func theKernelAcceptsEverySetOfPairs() throws {
        let space = try Namespace("pairs")
        for seed in 0..<12 as Range<UInt64> {
            var random = SeededGenerator(seed: seed)
            var taken: Set<IPPrefix> = []
            let names = (0..<6).map { "w\($0)" }
            let workloads = names.map { name in
                let prefixes = (0..<4).map { _ in
                    IPPrefix(
                        IPAddress(v4: 0x0A00_0000 + UInt32.random(in: 0..<256, using: &random)),
                        length: Int.random(in: 25...32, using: &random))
                }
                return Inventory.Workload(
                    name: name, addresses: prefixes.filter { taken.insert($0).inserted })
            }
            let inventory = try Inventory(
                workloads: workloads,
                networks: [Inventory.Network(name: "n", prefix: Shop.prefix("10.0.0.0/24"))])
            let ends = names + ["outside", "10.0.0.77"]
            let edges = (0..<40).compactMap { _ -> (String, String, Service)? in
                guard let from = ends.randomElement(using: &random),
                    let to = ends.randomElement(using: &random), from != to || from != "outside"
                else { return nil }
                let port = UInt16.random(in: 32_760...32_770, using: &random)
                return (
                    from, to, Service(ipProtocol: [6, 17, 132, 1, 47][Int(port % 5)], port: port)
                )
            }
            let policy = try ContactPolicy(
                edges: edges.map { (subject: $0.0, peer: $0.1, service: $0.2) },
                outside: [try Shop.address("203.0.113.9"), try Shop.address("2001:db8::9")],
                modelID: "seed \(seed)", inventory: inventory,
                allowsAnyOutside: seed.isMultiple(of: 2))
            let script = try NftPairs.render(policy).text
            // Loading it again replaces it.
            for _ in 0..<2 { try space.run("nft", "-f", "-", input: script) }
        }
        let tables = try space.run("nft", "list", "tables").split(separator: "\n")
        #expect(tables == ["table inet lazaret_policy", "table bridge lazaret_policy"])
    }

    @Test func moreElementsThanTheLimitAreRefused() throws {
        let workloads = try ["a", "b"].enumerated().map { index, name in
            Inventory.Workload(
                name: name,
                addresses: try (0..<450).map {
                    try Shop.prefix("10.\(index).\($0 / 250).\($0 % 250 + 1)")
                })
        }
        let policy = try ContactPolicy(
            edges: [("a", "b", Shop.http)], outside: [], modelID: "",
            inventory: try Inventory(workloads: workloads, networks: []), allowsAnyOutside: false)
        #expect(throws: PolicyError.manyPairs(limit: 200_000)) { try NftPairs.render(policy) }
    }
}
