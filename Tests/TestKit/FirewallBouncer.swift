public import Foundation
internal import Testing

/// CrowdSec's bouncer for nftables, in a namespace of the test.
public final class FirewallBouncer {
    private let process: Process
    private let space: Namespace

    /// - Parameter server: in the same namespace.
    public init(of server: CrowdSecServer, in space: Namespace, folder: URL) throws {
        let key = try server.bouncer("firewall").secret
        let file = folder.appendingPathComponent("bouncer.yaml")
        try Data(
            """
            mode: nftables
            update_frequency: 1s
            daemonize: true
            log_mode: stdout
            log_level: info
            api_url: \(server.url)/
            api_key: \(key)
            supported_decisions_types: [ban]
            blacklists_ipv4: crowdsec-blacklists
            blacklists_ipv6: crowdsec6-blacklists
            nftables:
              ipv4: {enabled: true, set-only: false, table: crowdsec, chain: crowdsec-chain}
              ipv6: {enabled: true, set-only: false, table: crowdsec6, chain: crowdsec6-chain}
            prometheus: {enabled: false}

            """.utf8
        ).write(to: file)
        self.space = space
        process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = [
            "nsenter", "--net=/run/netns/\(space.name)",
            CrowdSecServer.programs.appendingPathComponent("crowdsec-firewall-bouncer").path,
            "-c", file.path,
        ]
        process.standardOutput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        try process.runUnblocked()
        let hasTables = eventually { !set("ip", "crowdsec").isEmpty }
        try #require(hasTables, "the bouncer makes no tables")
    }

    deinit {
        guard process.isRunning else { return }
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }

    /// Whether its rules drop what comes from the address.
    public func drops(_ address: String) -> Bool {
        let isIPv6 = address.contains(":")
        let elements = isIPv6 ? set("ip6", "crowdsec6") : set("ip", "crowdsec")
        return elements.split { " ,{}\n\t".contains($0) }.contains { $0 == address }
    }

    private func set(_ family: String, _ table: String) -> String {
        (try? space.run("nft", "list", "set", family, table, "\(table)-blacklists")) ?? ""
    }
}
