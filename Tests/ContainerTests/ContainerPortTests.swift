import Foundation
import NetworkAddresses
import NodeInterfaces
import PacketCapture
import TestKit
import Testing

/// Real containers: the kernel reports the ports of each, and all its frames come in there.
@Suite(.serialized)
struct ContainerPortTests {
    /// An engine's data about a running container.
    private struct Reported {
        var process: Int32
        var addresses: [IPAddress]
        var macs: [MACAddress]

        init(_ host: ContainerHost, _ name: String) throws {
            let format =
                """
                {{.State.Pid}} {{range .NetworkSettings.Networks}}{{.IPAddress}},{{.MacAddress}} \
                {{end}}
                """
            let text = try host.run("inspect", "-f", format, name)
            let words = text.split { $0 == " " || $0 == "\n" }
            process = try #require(words.first.flatMap { Int32($0) })
            let ends = words.dropFirst().map { $0.split(separator: ",") }
            addresses = ends.compactMap { $0.first.flatMap { IPAddress(String($0)) } }
            macs = ends.compactMap { $0.last.flatMap { MACAddress(String($0)) } }
        }
    }

    @Test(.needs(.docker)) func dockerContainersAreFoundBehindTheirPorts() throws {
        try findPorts(ContainerHost(.docker))
    }

    @Test(.needs(.podman)) func podmanContainersAreFoundBehindTheirPorts() throws {
        try findPorts(ContainerHost(.podman))
    }

    private func findPorts(_ host: ContainerHost) throws {
        let third = Int.random(in: 1...250)
        let one = try host.network("one", v4: "10.121.\(third).0/24")
        let two = try host.network("two", v4: "10.122.\(third).0/24")
        let monitor = try host.space.inside { try InterfaceMonitor() }
        let lookup = try host.space.inside { try ContainerPorts() }
        let capture = try host.space.inside {
            var options = CaptureOptions()
            options.bufferSize = 4 << 20
            return try PortCapture(selection: PortSelection(), options: options)
        }
        for (name, network) in [("alpha", one), ("beta", one), ("gamma", two)] {
            try host.run("run", "-d", "--name", name, "--network", network, "web:1", "sleep", "600")
        }
        try host.run("network", "connect", two, "beta")
        try host.run("run", "-d", "--name", "delta", "--network", "host", "web:1", "sleep", "600")

        /// The ports of a container, after the engine's data was compared with the kernel's.
        func ports(_ name: String) throws -> [NodeInterface] {
            let told = try Reported(host, name)
            try monitor.refresh()
            guard let namespace = try lookup.namespace(of: told.process) else { return [] }
            let found = monitor.table.interfaces(leadingTo: namespace)
            let inside = try lookup.interfaces(in: namespace)
            for port in found {
                #expect(port.isBridgePort && port.isUp, "\(name)")
                let end = try #require(inside.first { $0.interface.index == port.link?.index })
                #expect(told.macs.contains(end.interface.mac))
                #expect(end.addresses.contains { told.addresses.contains($0) })
            }
            return found
        }
        let alpha = try ports("alpha")
        let beta = try ports("beta")
        let gamma = try ports("gamma")
        #expect(alpha.count == 1 && beta.count == 2 && gamma.count == 1)
        #expect(Set((alpha + beta + gamma).map(\.index)).count == 4)
        // A container that shares the node's network has no port.
        #expect(try ports("delta") == [])

        // A container's frames come in by its port.
        let shared = try #require(IPPrefix("10.121.\(third).0/24"))
        let target = try #require(Reported(host, "beta").addresses.first(where: shared.contains))
        let source = try Reported(host, "alpha").addresses[0]
        var seen: Set<String> = []
        let end = Date().addingTimeInterval(30)
        while Date() < end, seen.isEmpty {
            _ = try? host.run("exec", "alpha", "sh", "-c", "echo x | nc -w 1 \(target) 9")
            _ = try capture.nextBatch(timeoutMilliseconds: 50) { frames in
                for index in frames.indices {
                    let bytes = frames[index].bytes
                    guard bytes.count >= 34, bytes[12] == 8, bytes[13] == 0, bytes[23] == 6,
                        Array(bytes[26..<30]) == source.bytes
                    else { continue }
                    let port = capture.interfaces.interface(port: frames[index].port)
                    seen.insert(port?.name ?? "?")
                }
            }
        }
        #expect(seen == Set(alpha.map(\.name)))

        // Started again it has another port, whatever the interface is called.
        try host.run("restart", "-t", "0", "alpha")
        let again = try ports("alpha")
        #expect(again.count == 1 && again[0].port > alpha[0].port)
        #expect(
            monitor.table.interface(port: alpha[0].port) == nil
                || monitor.table[alpha[0].index]?.port != alpha[0].port)
    }
}
