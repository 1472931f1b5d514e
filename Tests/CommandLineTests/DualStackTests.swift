import Foundation
import TestKit
import Testing
import Timestamps

/// A container with an IPv4 and an IPv6 address is one member of its workload; its siblings are
/// separate members.
struct DualStackTests {
    private struct Host {
        var v4: String
        var v6: String
        var mac: [UInt8]
    }

    private static let base = Timestamp(second: 1_700_000_000)

    private let scratch: Scratch
    private let web = (1...2).map {
        Host(v4: "10.90.0.1\($0)", v6: "fd90::1\($0)", mac: [2, 0x42, 10, 90, 0, UInt8(10 + $0)])
    }
    private let store = Host(v4: "10.90.0.20", v6: "fd90::20", mac: [2, 0x42, 10, 90, 0, 20])

    init() throws { scratch = try Scratch() }

    private func frame(_ from: Host, _ to: Host, _ segment: [UInt8], v6: Bool) -> [UInt8] {
        var frame = Frame.ethernet(
            v6 ? 0x86DD : 0x0800,
            v6 ? Frame.ipv6(from.v6, to.v6, 6, segment) : Frame.ipv4(from.v4, to.v4, 6, segment))
        frame.replaceSubrange(0..<12, with: to.mac + from.mac)
        return frame
    }

    /// The first replica scans ports of the store over one family; its sibling requests a page
    /// occasionally over both.
    private func capture(scanningOver v6: Bool) throws -> String {
        var records: [CaptureFile.Record] = []
        func exchange(_ time: Timestamp, _ from: Host, _ port: UInt16, _ door: UInt16, v6: Bool) {
            records.append(.init(time, frame(from, store, Frame.tcp(port, door, flags: 2), v6: v6)))
            let answer = Frame.tcp(door, port, flags: door == 80 ? 0x12 : 0x14)
            records.append(.init(time + .microseconds(100), frame(store, from, answer, v6: v6)))
        }
        for number in 0..<600 {
            let time = Self.base + .milliseconds(number * 50)
            let port = UInt16(40_000 + number)
            exchange(time, web[0], port, UInt16(1000 + number), v6: v6)
            if number % 20 == 0 {
                for family in [false, true] {
                    exchange(time + .milliseconds(20), web[1], port, 80, v6: family)
                }
            }
        }
        records.sort { $0.time < $1.time }
        return try scratch.write("scan.pcap", Data(CaptureFile.pcap(records)))
    }

    private func plan(scanningOver v6: Bool, _ workloads: String) throws -> String {
        let inventory = try scratch.write(
            "inventory.yaml",
            Data(
                """
                networks:
                  - {name: lan, prefix: 10.90.0.0/24, gateway: 10.90.0.1}
                  - {name: lan, prefix: 'fd90::/64', gateway: 'fd90::1'}
                workloads:
                \(workloads)
                """.utf8))
        let run = try Run(
            "replay", "-r", try capture(scanningOver: v6), "-m", try scratch.model(),
            "--inventory", inventory, "--plan", scratch.path("plan.nft"))
        #expect(run.status == 0, "\(run.errors)")
        return try String(contentsOfFile: scratch.path("plan.nft"), encoding: .utf8)
    }

    /// The addresses of the hosts whose packets the plan drops.
    private func targets(_ plan: String) -> Set<String> {
        Set(
            plan.split(separator: "\n").compactMap {
                $0.firstMatch(of: /add element inet lazaret drop_host[46] \{ (\S+) timeout/)
            }.map { String($0.1) })
    }

    @Test(arguments: [false, true])
    func thePlanFencesAllAddressesOfTheMemberAndNoneOfItsSibling(v6: Bool) throws {
        let plan = try plan(
            scanningOver: v6,
            """
              - name: web
                instances:
                  - {addresses: [\(web[0].v4), '\(web[0].v6)'], macs: ['02:42:0a:5a:00:0b']}
                  - {addresses: [\(web[1].v4), '\(web[1].v6)'], macs: ['02:42:0a:5a:00:0c']}
              - {name: store, addresses: [\(store.v4), '\(store.v6)']}

            """)
        // With the link-local address that is derived from the MAC address.
        #expect(
            targets(plan) == [web[0].v4, web[0].v6, "fe80::42:aff:fe5a:b"], "\(plan)")
        // One decision.
        let names = plan.split(separator: "\n").compactMap {
            $0.firstMatch(of: #/^#   (q\S+) /#)?.1
        }
        #expect(names.count == 3 && Set(names).count == 1, "\(plan)")
    }

    /// Without instances, a single address of each family belongs to one host; otherwise nothing is
    /// assumed.
    @Test func withoutInstancesOnlyOneAddressPerFamilyIsOneHost() throws {
        let alone = try plan(
            scanningOver: false,
            """
              - name: web
                addresses: [\(web[0].v4), '\(web[0].v6)']
                macs: ['02:42:0a:5a:00:0b']
              - {name: store, addresses: [\(store.v4), '\(store.v6)']}

            """)
        #expect(targets(alone) == [web[0].v4, web[0].v6, "fe80::42:aff:fe5a:b"], "\(alone)")
        let many = try plan(
            scanningOver: false,
            """
              - name: web
                addresses: [\(web.map(\.v4).joined(separator: ", ")), '\(web[0].v6)', \
                '\(web[1].v6)']
                macs: ['02:42:0a:5a:00:0b', '02:42:0a:5a:00:0c']
              - {name: store, addresses: [\(store.v4), '\(store.v6)']}

            """)
        #expect(targets(many) == [web[0].v4], "\(many)")
    }
}

/// The same live: addresses that a container engine reports together are fenced together.
@Suite(.needsKernel)
struct DualStackMonitorTests {
    @Test func bothFamiliesOfAContainerAreFencedAndItsSiblingIsNot() throws {
        let bench = try FaultBench()
        let (lab, now) = (bench.lab, Clock.now())
        let engine = try ScriptedEngine(path: bench.scratch.path("docker.sock"))
        for (name, host) in [("web-1", lab.a), ("web-2", lab.bystander)] {
            engine.begin(
                .init(
                    id: name == "web-1" ? "a1" : "a2", name: name, labels: ["app": "web"],
                    v4: host.v4, v6: host.v6, since: now - .seconds(86_400)), sendsEvent: false)
        }
        let program = try bench.monitor(
            configuration: "workloads: {docker: \(engine.path), podman: never, name_label: app}")
        for v6 in [false, true] {
            #expect(try lab.reaches(lab.a, lab.c, v6: v6))
        }
        #expect(try bench.isFencedForScanning(lab.a), "\(program.errors)")
        // The offence used IPv4.
        #expect(try lab.isBlocked(lab.a, lab.c, v6: true), "\(program.errors)")
        #expect(try lab.isBlocked(lab.a, lab.b, v6: true), "\(program.errors)")
        for v6 in [false, true] {
            #expect(try lab.reaches(lab.bystander, lab.c, v6: v6), "\(program.errors)")
        }
        let listed = try bench.quarantine("list")
        #expect(listed.contains("\(lab.a.v4) ") && listed.contains("\(lab.a.v6) "), "\(listed)")
        #expect(!listed.contains(lab.bystander.v4) && !listed.contains(lab.bystander.v6))
        // All addresses are released, one by one, because each has its own rule.
        #expect(try bench.quarantine("flush").contains("\(lab.a.v6) released"))
        for v6 in [false, true] {
            #expect(try lab.reaches(lab.a, lab.c, v6: v6))
        }
        #expect(program.end(by: SIGTERM) == 0)
        engine.stop()
    }
}
