internal import FoundationEssentials
internal import NetworkAddresses
internal import SystemPackage
internal import SystemSupport
internal import TextFormats
internal import Timestamps

/// The peers of WireGuard that are suspended, as the ledger keeps them; no keys that are secret.
struct WireGuardPlan: LedgerPlan, Equatable {
    /// A peer and the addresses that it may use.
    struct Peer: Codable, Sendable, Equatable {
        var interface: String
        /// The public key, as `wg` writes it.
        var key: String
        /// Prefixes in rising order.
        var allowed: [String]

        var text: String {
            "peer \(key) of \(interface) (\(allowed.joined(separator: ", ")))"
        }

        var prefixes: [IPPrefix] { allowed.compactMap { IPPrefix($0) } }
    }

    var program: String
    /// The interfaces whose peers may be suspended; empty: all.
    var interfaces: [String]
    /// Whether peers with whole networks may be suspended.
    var hasNetworks: Bool
    var seconds: Int64
    var address: String
    var peers: [Peer] = []

    /// Nil if the target is no address.
    init?(_ entry: ResponseEntry, _ values: [String: String]) {
        guard let address = values["address"] else { return nil }
        program = entry.program ?? WireGuardAction.program
        interfaces = entry.interfaces
        hasNetworks = entry.networks ?? false
        seconds = Int64((entry.timeout ?? .seconds(10)).wholeSeconds)
        self.address = address
    }
}

/// Suspends the peer of a WireGuard interface that an offender belongs to: its allowed addresses
/// are taken from it, so that nothing is accepted from it or sent to it. Its keys and its end
/// point stay.
///
/// It uses `wg` (wireguard-tools), which knows interfaces of the kernel and of wireguard-go.
struct WireGuardAction: ResponseAction {
    /// A peer may be configured again while it is suspended, as by `wg setconf`.
    let isRenewed = true

    static let program = "/usr/bin/wg"

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        try rails.check(record)
        var plan = try WireGuardPlan(record)
        guard let address = IPAddress(plan.address) else { throw .notNeeded("not an address") }
        plan.peers = Self.owners(of: address, among: try read(plan))
        guard !plan.peers.isEmpty else {
            throw .notNeeded("no peer of WireGuard has the address \(address)")
        }
        for peer in plan.peers {
            for prefix in peer.prefixes {
                guard prefix.isHost || plan.hasNetworks else {
                    throw .notNeeded(
                        "\(peer.text) has a whole network; 'networks: true' would suspend it")
                }
                if let why = rails.objection(to: prefix) {
                    throw .notNeeded("\(peer.text): \(why)")
                }
            }
        }
        return plan.text
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try WireGuardPlan(record)
        let present = try read(plan)
        for peer in plan.peers {
            guard let found = present.first(where: { $0.isSame(as: peer) }) else { continue }
            guard found.allowed.isEmpty || found.allowed == peer.allowed else {
                throw .changed("\(found.text) was changed by somebody else")
            }
            try set(peer, [], plan)
        }
        return nil
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        let plan = try WireGuardPlan(record)
        let present = try read(plan)
        let found = plan.peers.compactMap { peer in present.first { $0.isSame(as: peer) } }
        guard !found.isEmpty else { throw .gone("\(Self.names(plan.peers)) was removed") }
        let count = found.count { $0.allowed.isEmpty }
        return count == found.count ? .whole : count == 0 ? .none : .part
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try WireGuardPlan(record)
        let present = try read(plan)
        var notes: [String] = []
        for peer in plan.peers {
            guard let found = present.first(where: { $0.isSame(as: peer) }) else {
                notes.append("\(peer.text) was removed")
                continue
            }
            if found.allowed == peer.allowed { continue }
            guard found.allowed.isEmpty else {
                throw .changed("\(found.text) was changed by somebody else")
            }
            // An address that is given to one peer is taken from another.
            let heirs = present.filter { other in
                other.interface == peer.interface && other.key != peer.key
                    && other.prefixes.contains { peer.prefixes.contains($0) }
            }
            guard heirs.isEmpty else {
                throw .changed("\(Self.names(heirs)) has its addresses now")
            }
            try set(peer, peer.allowed, plan)
        }
        let after = try read(plan)
        for peer in plan.peers {
            let found = after.first { $0.isSame(as: peer) }
            if let found, found.allowed != peer.allowed {
                throw .failed("\(found.text): its addresses were given back and are not there")
            }
        }
        return notes.isEmpty ? nil : notes.joined(separator: "; ")
    }

    private static func names(_ peers: [WireGuardPlan.Peer]) -> String {
        peers.map(\.text).joined(separator: "; ")
    }

    /// The peers to which the interfaces send packets for `address`: of each, the one with the
    /// longest prefix.
    static func owners(
        of address: IPAddress, among peers: [WireGuardPlan.Peer]
    ) -> [WireGuardPlan.Peer] {
        func length(_ peer: WireGuardPlan.Peer) -> Int? {
            peer.prefixes.filter { $0.contains(address) }.map(\.length).max()
        }
        return Dictionary(grouping: peers, by: \.interface).sorted { $0.key < $1.key }
            .compactMap { _, members in
                members.filter { length($0) != nil }.max { length($0) ?? 0 < length($1) ?? 0 }
            }
    }

    /// The peers of the interfaces that may be changed, with their addresses.
    private func read(_ plan: WireGuardPlan) throws(ResponseError) -> [WireGuardPlan.Peer] {
        let output = try run(["show", "all", "allowed-ips"], plan)
        guard let peers = Self.peers(in: output) else {
            throw .failed("\(plan.program) show all allowed-ips: an answer that is not understood")
        }
        return peers.filter { plan.interfaces.isEmpty || plan.interfaces.contains($0.interface) }
    }

    /// The lines of `wg show all allowed-ips`: interface, public key, and prefixes or `(none)`. Nil
    /// if they are something else.
    static func peers(in output: String) -> [WireGuardPlan.Peer]? {
        var peers: [WireGuardPlan.Peer] = []
        for line in output.split(separator: "\n") {
            let words = line.split(separator: "\t", maxSplits: 2).map(String.init)
            guard words.count == 3, isInterface(words[0]), isKey(words[1]) else { return nil }
            let texts = words[2] == "(none)" ? [] : words[2].split(separator: " ").map(String.init)
            let prefixes = texts.map { IPPrefix($0) }
            let known = prefixes.compactMap { $0 }
            guard known.count == prefixes.count else { return nil }
            let allowed = known.map { "\($0.address)/\($0.length)" }.sorted()
            peers.append(.init(interface: words[0], key: words[1], allowed: allowed))
        }
        return peers
    }

    private static func isInterface(_ name: String) -> Bool {
        (1...15).contains(name.utf8.count) && !name.hasPrefix("-")
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") }
    }

    /// Whether it is 32 bytes in base 64.
    private static func isKey(_ text: String) -> Bool {
        text.utf8.count == 44 && Data(base64Encoded: text)?.count == 32
    }

    private func set(
        _ peer: WireGuardPlan.Peer, _ allowed: [String], _ plan: WireGuardPlan
    ) throws(ResponseError) {
        _ = try run(
            [
                "set", peer.interface, "peer", peer.key, "allowed-ips",
                allowed.joined(separator: ","),
            ], plan)
    }

    private func run(_ words: [String], _ plan: WireGuardPlan) throws(ResponseError) -> String {
        if let fault = ExecPlan.fault(program: plan.program) {
            throw .failed("\(fault) (package wireguard-tools)")
        }
        let end: ChildProcess.End
        let output: [UInt8]
        do throws(Errno) {
            (end, output) = try ChildProcess.run(
                [plan.program] + words, input: [], timeLimit: .seconds(plan.seconds),
                outputLimit: 8 << 20)
        } catch { throw .failed("\(plan.program): \(error)") }
        let text = String(decoding: output, as: UTF8.self)
        guard end == .exit(0) else {
            let said = EngineConnection.clean(text)
            throw .failed(
                "\(plan.program) \(words[0]): "
                    + (end == .timeLimit ? "took longer than \(plan.seconds) s" : said))
        }
        return text
    }
}

extension WireGuardPlan.Peer {
    fileprivate func isSame(as other: Self) -> Bool {
        interface == other.interface && key == other.key
    }

    /// The command that gives the peer its addresses again.
    func command(_ program: String) -> String {
        Shell.line([
            program, "set", interface, "peer", key, "allowed-ips", allowed.joined(separator: ","),
        ])
    }
}
