import EventStore
import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing
import Timestamps

@testable import Responses

/// Peers of WireGuard, by a program that answers as `wg` does.
@Suite(.timeLimit(.minutes(20)))
struct WireGuardResponseTests {
    private let bench: ResponseBench
    private let scratch: Scratch
    private static let key = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
    private static let other = "AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

    init() throws {
        bench = try ResponseBench()
        scratch = try Scratch()
    }

    /// A `wg` whose peers are the lines of a file.
    private func entry(_ peers: String...) throws -> ResponseEntry {
        _ = try scratch.write("peers", Data(peers.joined(separator: "\n").appending("\n").utf8))
        var entry = ResponseEntry("vpn", .wireguard)
        entry.program = try scratch.write(
            "wg",
            Data(
                """
                #!/bin/sh
                cd '\(scratch.path(""))' || exit 1
                if [ "$1" = show ]; then exec cat peers; fi
                echo "$@" >>calls
                allowed=$(echo "$6" | tr , ' ')
                awk -F '\\t' -v OFS='\\t' -v i="$2" -v k="$4" -v a="${allowed:-(none)}" \\
                    '$1 == i && $2 == k { $3 = a } { print }' peers >new && mv new peers

                """.utf8), mode: 0o755)
        return entry
    }

    private func peer(_ interface: String, _ key: String, _ allowed: String) -> String {
        "\(interface)\t\(key)\t\(allowed)"
    }

    private var peers: String {
        (try? String(contentsOfFile: scratch.path("peers"), encoding: .utf8)) ?? ""
    }

    private var calls: String {
        (try? String(contentsOfFile: scratch.path("calls"), encoding: .utf8)) ?? ""
    }

    @Test func aPeerLosesItsAddressesAndGetsThemBack() throws {
        let entry = try entry(
            peer("wg0", Self.key, "10.99.0.2/32 fd99::2/128"),
            peer("wg0", Self.other, "10.99.0.3/32"))
        let engine = bench.engine([entry])
        bench.fence("10.99.0.2", workload: nil)
        #expect(bench.run(engine) { bench.states("vpn") == [.verified] }, "\(bench.log.lines)")
        #expect(
            peers == peer("wg0", Self.key, "(none)") + "\n"
                + peer("wg0", Self.other, "10.99.0.3/32") + "\n")
        bench.release()
        #expect(bench.run(engine) { bench.states("vpn") == [.undone] }, "\(bench.log.lines)")
        #expect(peers.hasPrefix(peer("wg0", Self.key, "10.99.0.2/32 fd99::2/128") + "\n"))
    }

    @Test(arguments: 0..<7) func aKillAtAnyStepLeavesThePeerItsAddresses(writes: Int) throws {
        let line = peer("wg0", Self.key, "10.99.0.2/32 fd99::2/128")
        let entry = try entry(line)
        bench.fence("10.99.0.2", workload: nil)
        try bench.killAndRestart("vpn", afterWrites: writes) { bench.engine([entry], ledger: $0) }
        #expect(peers == line + "\n")
    }

    /// A peer that is configured again while it is suspended is suspended again.
    @Test func aPeerThatIsBackIsSuspendedAgain() throws {
        let entry = try entry(peer("wg0", Self.key, "10.99.0.2/32"))
        let engine = bench.engine([entry])
        bench.fence("10.99.0.2", workload: nil)
        #expect(bench.run(engine) { bench.states("vpn") == [.verified] }, "\(bench.log.lines)")
        _ = try self.entry(peer("wg0", Self.key, "10.99.0.2/32"))
        bench.setClock(2011)
        // The trail is written after the change.
        let isRenewed = bench.run(engine) {
            peers == peer("wg0", Self.key, "(none)") + "\n"
                && bench.trail.contains { $0.hasPrefix("response renew") }
        }
        #expect(isRenewed, "\(bench.trail)")
    }

    /// What others change meanwhile is left as it is.
    @Test func aPeerWithOtherAddressesIsLeftAlone() throws {
        let entry = try entry(peer("wg0", Self.key, "10.99.0.2/32"))
        let engine = bench.engine([entry])
        bench.fence("10.99.0.2", workload: nil)
        #expect(bench.run(engine) { bench.states("vpn") == [.verified] }, "\(bench.log.lines)")
        _ = try self.entry(peer("wg0", Self.key, "10.99.0.7/32"))
        bench.release()
        #expect(bench.run(engine) { bench.states("vpn") == [.left] }, "\(bench.log.lines)")
        #expect(peers == peer("wg0", Self.key, "10.99.0.7/32") + "\n")
    }

    /// Addresses that were given to somebody else meanwhile stay there.
    @Test func addressesAreNotTakenFromTheirNewPeer() throws {
        let entry = try entry(peer("wg0", Self.key, "10.99.0.2/32"))
        let engine = bench.engine([entry])
        bench.fence("10.99.0.2", workload: nil)
        #expect(bench.run(engine) { bench.states("vpn") == [.verified] }, "\(bench.log.lines)")
        _ = try self.entry(
            peer("wg0", Self.key, "(none)"), peer("wg0", Self.other, "10.99.0.2/32"))
        bench.release()
        #expect(bench.run(engine) { bench.states("vpn") == [.left] }, "\(bench.log.lines)")
        #expect(peers.contains(peer("wg0", Self.other, "10.99.0.2/32")))
    }

    @Test func aPeerThatIsRemovedIsGone() throws {
        let entry = try entry(peer("wg0", Self.key, "10.99.0.2/32"))
        let engine = bench.engine([entry])
        bench.fence("10.99.0.2", workload: nil)
        #expect(bench.run(engine) { bench.states("vpn") == [.verified] }, "\(bench.log.lines)")
        _ = try self.entry(peer("wg0", Self.other, "10.99.0.3/32"))
        bench.release()
        #expect(bench.run(engine) { bench.states("vpn") == [.undone] }, "\(bench.log.lines)")
    }

    /// Nobody else is suspended for an offender.
    @Test(
        arguments: [
            ("10.99.0.2/32 10.8.0.0/16", "has a whole network"),
            ("10.99.0.2/32 10.99.0.9/32", "10.99.0.9 is protected: gateway"),
            ("10.99.0.3/32", "no peer of WireGuard has the address 10.99.0.2"),
            ("(none)", "no peer of WireGuard has the address 10.99.0.2"),
        ]) func othersAreNotSuspended(_ allowed: String, _ why: String) throws
    {
        let entry = try entry(peer("wg0", Self.key, allowed))
        let engine = bench.engine([entry])
        bench.change {
            $0.protected.add(IPPrefix("10.99.0.9/32")!, reason: "gateway")
        }
        bench.fence("10.99.0.2", workload: nil)
        #expect(bench.run(engine) { bench.states("vpn") == [.skipped] }, "\(bench.log.lines)")
        #expect(bench.records("vpn").allSatisfy { $0.detail.contains(why) }, "\(bench.trail)")
        #expect(calls.isEmpty)
    }

    /// The peer with the longest prefix is the one that the address is routed to.
    @Test func theMostSpecificPeerIsTheOffenders() throws {
        var entry = try entry(
            peer("wg0", Self.other, "10.99.0.0/24"), peer("wg0", Self.key, "10.99.0.2/32"),
            peer("wg1", Self.other, "0.0.0.0/0"))
        entry.interfaces = ["wg0"]
        let engine = bench.engine([entry])
        bench.fence("10.99.0.2", workload: nil)
        #expect(bench.run(engine) { bench.states("vpn") == [.verified] }, "\(bench.log.lines)")
        #expect(calls == "set wg0 peer \(Self.key) allowed-ips \n")
    }

    /// A hostile or broken answer changes nothing.
    @Test(
        arguments: [
            "wg0\tnot a key\t10.99.0.2/32", "-f\t\(key)\t10.99.0.2/32", "wg0\t\(key)\t10.99.0.2/x",
            "wg0 \(key) 10.99.0.2/32", "\u{0}", "wg0\t\(key)",
        ]) func anAnswerThatIsNotUnderstoodIsAnError(_ line: String)
    {
        #expect(WireGuardAction.peers(in: line) == nil)
    }

    @Test func entriesAreChecked() throws {
        var entry = try entry()
        #expect(ResponseEntry.faults(in: [entry]).isEmpty)
        entry.program = "/nonexistent/wg"
        let text = ResponseEntry.faults(in: [entry]).joined()
        #expect(text.contains("/nonexistent/wg: no such program (package wireguard-tools)"))
        var pause = ResponseEntry("halt", .pause)
        pause.interfaces = ["wg0"]
        #expect(
            ResponseEntry.faults(in: [pause]) == [
                "'halt': 'interfaces' and 'networks' are for 'action: wireguard' only"
            ])
    }

    @Test func theCommandThatUndoesItIsShown() async throws {
        let entry = try entry(peer("wg0", Self.key, "10.99.0.2/32"))
        let plan = await ResponsePreview(
            of: [entry], on: [target("10.99.0.2")], workload: nil, engines: [],
            situation: ResponseSituation(rules: [], isActing: true), now: bench.now)
        let shown = try #require(plan.responses.first)
        #expect(shown.effect == "suspends peer \(Self.key) of wg0 (10.99.0.2/32)")
        let program = try #require(entry.program)
        #expect(
            shown.commands == ["\(program) set wg0 peer \(Self.key) allowed-ips 10.99.0.2/32"])
        #expect(calls.isEmpty)
    }
}

/// Two networks that WireGuard connects, with packets.
@Suite(
    .serialized, .needsKernel, .needs("wireguard-go", "wg", "python3"), .timeLimit(.minutes(20)))
struct WireGuardPacketTests {
    /// One end, with an interface and sockets of its own.
    private final class End {
        let space: Namespace
        let process: Process
        private let scratch: Scratch
        let publicKey: String
        let name: String

        init(_ name: String, _ scratch: Scratch) throws {
            self.name = name
            self.scratch = scratch
            space = try Namespace(name)
            // It warns of the permissions of its output.
            let secret = try #require(
                Namespace.command(["wg", "genkey"]).split(separator: "\n").last.map(String.init))
            _ = try scratch.write("\(name).key", Data(secret.utf8), mode: 0o600)
            publicKey = try Namespace.command(["wg", "pubkey"], input: secret)
                .trimmingCharacters(in: .whitespacesAndNewlines)
            // /run is private, because the socket of an interface is at one path for all.
            process = try space.start(
                "unshare", "--mount", "--propagation", "private", "sh", "-c",
                """
                mount -t tmpfs none /run && mkdir /run/wireguard && \
                exec wireguard-go --foreground \(name)
                """)
        }

        deinit {
            process.terminate()
            process.waitUntilExit()
        }

        /// `wg` as this end sees it.
        var words: [String] {
            let path = "/proc/\(process.processIdentifier)/ns"
            return ["nsenter", "--mount=\(path)/mnt", "--net=\(path)/net", "/usr/bin/wg"]
        }

        func start(_ address: String, peer: End, at endpoint: String, _ theirs: String) throws {
            let isUp = eventually(within: 60) {
                (try? Namespace.command(words + ["show", name])) != nil
            }
            try #require(isUp)
            _ = try Namespace.command(
                words + [
                    "set", name, "private-key", scratch.path("\(name).key"), "listen-port", "51820",
                    "peer", peer.publicKey, "endpoint", endpoint, "allowed-ips", theirs,
                ])
            try space.run("ip", "address", "add", address, "dev", name)
            try space.run("ip", "link", "set", name, "up")
        }
    }

    @Test func thePacketsOfASuspendedPeerStop() throws {
        let bench = try ResponseBench()
        let scratch = try Scratch()
        let here = try End("wga", scratch)
        let there = try End("wgb", scratch)
        try here.space.run(
            "ip", "link", "add", "v0", "type", "veth", "peer", "name", "v0", "netns",
            there.space.name)
        for (end, address) in [(here, "192.168.77.1/24"), (there, "192.168.77.2/24")] {
            try end.space.run("ip", "address", "add", address, "dev", "v0")
            try end.space.run("ip", "link", "set", "v0", "up")
        }
        try here.start("10.99.0.1/24", peer: there, at: "192.168.77.2:51820", "10.99.0.2/32")
        try there.start("10.99.0.2/24", peer: here, at: "192.168.77.1:51820", "10.99.0.1/32")
        let listener = try here.space.start(
            "python3", "-c",
            """
            import socket
            s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.bind(('10.99.0.1', 4000))
            while True:
                data, peer = s.recvfrom(100); s.sendto(data, peer)
            """)
        defer {
            listener.terminate()
            listener.waitUntilExit()
        }
        /// Whether one of three datagrams of the peer is answered.
        func passes() -> Bool {
            let question = """
                import socket, sys
                s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.settimeout(1)
                for n in range(3):
                    try:
                        s.sendto(b'x', ('10.99.0.1', 4000)); s.recvfrom(100); sys.exit(0)
                    except OSError: pass
                sys.exit(1)
                """
            return (try? there.space.run("python3", "-c", question)) != nil
        }
        #expect(eventually(within: 60, passes))
        var entry = ResponseEntry("vpn", .wireguard)
        entry.program = try scratch.write(
            "wg", Data("#!/bin/sh\nexec \(here.words.joined(separator: " ")) \"$@\"\n".utf8),
            mode: 0o755)
        let engine = bench.engine([entry])
        bench.fence("10.99.0.2", workload: nil)
        #expect(bench.run(engine) { bench.states("vpn") == [.verified] }, "\(bench.log.lines)")
        #expect(!passes())
        bench.release()
        #expect(bench.run(engine) { bench.states("vpn") == [.undone] }, "\(bench.log.lines)")
        #expect(eventually(within: 60, passes))
    }
}
