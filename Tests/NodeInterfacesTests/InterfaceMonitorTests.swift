import Foundation
import NetworkAddresses
import NodeInterfaces
import TestKit
import Testing
import Timestamps

/// Every test has network namespaces of its own.
@Suite(.needsKernel)
struct InterfaceMonitorTests {
    /// A monitor, and its interfaces by name after a moment.
    private func table(_ monitor: InterfaceMonitor) throws -> [String: NodeInterface] {
        try monitor.refresh()
        return Dictionary(uniqueKeysWithValues: monitor.table.interfaces.map { ($0.name, $0) })
    }

    @Test func eachKindIsDescribedAsIpLinkMakesIt() throws {
        let node = try Namespace("node")
        let inner = try Namespace("inner")
        try node.run("ip", "link", "add", "br0", "type", "bridge")
        try node.run(
            "ip", "link", "add", "v0", "type", "veth", "peer", "name", "eth0", "netns", inner.name)
        try node.run("ip", "link", "set", "v0", "master", "br0", "address", "02:00:00:00:00:07")
        try node.run("ip", "link", "add", "j0", "type", "veth", "peer", "name", "j1")
        try node.run(
            "ip", "link", "add", "vx", "type", "vxlan", "id", "7", "remote", "192.0.2.9", "dstport",
            "4789", "dev", "j0")
        try node.run("ip", "link", "add", "mv", "link", "j1", "type", "macvlan", "mode", "bridge")
        try node.run("ip", "tuntap", "add", "dev", "tun0", "mode", "tun")
        let monitor = try node.inside { try InterfaceMonitor() }
        let found = try table(monitor)
        #expect(found["lo"]?.kind == .loopback && found["lo"]?.isUp == true)
        #expect(found["br0"]?.kind == .bridge && found["br0"]?.isUp == false)
        let port = try #require(found["v0"])
        #expect(port.kind == .veth && port.isBridgePort && port.leadsElsewhere)
        #expect(port.master == found["br0"]?.index && port.mac == MACAddress("02:00:00:00:00:07"))
        let far = try inner.inside { try InterfaceMonitor() }.table.interfaces
        #expect(port.link?.index == far.first { $0.name == "eth0" }?.index)
        #expect(found["j0"]?.leadsElsewhere == false)
        #expect(found["j0"]?.link == NodeInterface.Link(index: found["j1"]!.index, namespace: nil))
        #expect(found["vx"]?.kind == .vxlan && found["mv"]?.kind == .macvlan)
        #expect(found["mv"]?.link?.index == found["j1"]?.index)
        #expect(found["tun0"]?.kind == .tun && found["tun0"]?.hardwareType == 0xFFFE)
    }

    @Test func changesAreFollowed() throws {
        let node = try Namespace("node")
        let monitor = try node.inside { try InterfaceMonitor() }
        for bridge in ["br0", "br1"] { try node.run("ip", "link", "add", bridge, "type", "bridge") }
        try node.run("ip", "link", "add", "v0", "type", "veth", "peer", "name", "p0")
        let made = try #require(try table(monitor)["v0"])
        #expect(made.master == nil)
        try node.run("ip", "link", "set", "v0", "master", "br0")
        var found = try table(monitor)
        #expect(found["v0"]?.port == made.port && found["v0"]?.master == found["br0"]?.index)
        try node.run("ip", "link", "set", "v0", "master", "br1")
        try node.run("ip", "link", "set", "v0", "name", "renamed")
        found = try table(monitor)
        #expect(found["v0"] == nil && found["renamed"]?.port == made.port)
        #expect(found["renamed"]?.master == found["br1"]?.index)
        // The kernel reports that an interface left a bridge with a deletion in the bridges' own
        // family.
        try node.run("ip", "link", "set", "renamed", "nomaster")
        found = try table(monitor)
        #expect(found["renamed"]?.port == made.port && found["renamed"]?.master == nil)
        try node.run("ip", "link", "del", "renamed")
        found = try table(monitor)
        #expect(found["renamed"] == nil && found["p0"] == nil && found["br0"] != nil)
    }

    @Test func anIndexThatIsUsedAgainIsAnotherPort() throws {
        let node = try Namespace("node")
        let monitor = try node.inside { try InterfaceMonitor() }
        func add() throws {
            try node.run(
                "ip", "link", "add", "v0", "index", "77", "type", "veth", "peer", "name", "p0")
        }
        try add()
        let first = try #require(try table(monitor)["v0"])
        try node.run("ip", "link", "del", "v0")
        try add()
        let second = try #require(try table(monitor)["v0"])
        #expect(first.index == 77 && second.index == 77 && second.port > first.port)
        let now = Clock.now()
        #expect(monitor.table.interface(of: 77, at: now - .seconds(3)) == nil)
        #expect(monitor.table.interface(of: 77, at: now + .seconds(1))?.port == second.port)
        // An interface that moves to another namespace is gone from this one.
        let other = try Namespace("other")
        try node.run("ip", "link", "set", "v0", "netns", other.name)
        #expect(try table(monitor)["v0"] == nil)
        try other.run("ip", "link", "set", "v0", "netns", node.name)
        #expect(try table(monitor)["v0"]?.port ?? 0 > second.port)
    }

    @Test func aThousandPortsThatComeAndGoAreKnown() throws {
        let node = try Namespace("node")
        let monitor = try node.inside { try InterfaceMonitor() }
        let lines = (0..<1000).map { "link add v\($0) type veth peer name p\($0)\n" }.joined()
        try node.run("ip", "-batch", "-", input: lines)
        #expect(try table(monitor).count == 2001)
        let ends = (0..<1000).map { "link del v\($0)\n" }.joined()
        try node.run("ip", "-batch", "-", input: ends)
        #expect(try table(monitor).count == 1)
        try node.run("ip", "-batch", "-", input: lines)
        #expect(try table(monitor).count == 2001)
    }

    @Test func theWayOutIsFound() throws {
        let node = try Namespace("node")
        let outside = try Namespace("outside")
        try node.run(
            "ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns",
            outside.name)
        let monitor = try node.inside { try InterfaceMonitor() }
        #expect(monitor.uplinks() == [])
        try node.run("ip", "addr", "add", "192.0.2.1/24", "dev", "up0")
        try node.run("ip", "link", "set", "up0", "up")
        try monitor.refresh()
        try node.run("ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.254")
        #expect(try monitor.refresh() == false)
        try node.run("ip", "route", "add", "default", "via", "192.0.2.254")
        #expect(try monitor.refresh())
        let index = try table(monitor)["up0"]?.index
        #expect(monitor.uplinks() == Set([index].compactMap { $0 }))
    }

    @Test func theFarEndOfAPortIsThatOfItsProcess() throws {
        let node = try Namespace("node")
        var inner: [Namespace] = []
        for number in 1...3 {
            let space = try Namespace("c\(number)")
            inner.append(space)
            // The same index in every namespace: only the namespace separates them.
            try node.run(
                "ip", "link", "add", "v\(number)", "type", "veth", "peer", "name", "eth0", "index",
                "20", "netns", space.name)
            try space.run("ip", "addr", "add", "10.0.0.\(number)/24", "dev", "eth0")
        }
        let monitor = try node.inside { try InterfaceMonitor() }
        let ports = try node.inside { try ContainerPorts() }
        for (number, space) in inner.enumerated() {
            let process = try space.start("sleep", "30")
            defer { process.terminate() }
            let namespace = try #require(
                try waitFor { try ports.namespace(of: process.processIdentifier) })
            let found = monitor.table.interfaces(leadingTo: namespace)
            #expect(found.map(\.name) == ["v\(number + 1)"])
            let inside = try ports.interfaces(in: namespace)
            let end = try #require(inside.first { $0.interface.index == found[0].link?.index })
            #expect(end.interface.name == "eth0")
            #expect(end.addresses.contains(IPAddress("10.0.0.\(number + 1)")!))
        }
        let own = try node.start("sleep", "30")
        defer { own.terminate() }
        Thread.sleep(forTimeInterval: 0.2)
        #expect(try ports.namespace(of: own.processIdentifier) == nil)
        #expect(throws: InterfaceError.self) { try ports.namespace(of: 0x3FFF_FFFF) }
    }

    /// `nsenter` enters a moment after its start.
    private func waitFor<T>(_ body: () throws -> T?) throws -> T? {
        for _ in 0..<50 {
            if let value = try body() { return value }
            Thread.sleep(forTimeInterval: 0.02)
        }
        return nil
    }
}
