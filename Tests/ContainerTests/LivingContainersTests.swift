import Foundation
import NetworkAddresses
import Synchronization
import TestKit
import Testing

@testable import Workloads
import Timestamps

/// Real containers, each of which sends its own name in every packet: the directory's name of the
/// packet's source must be the same. `LAZARET_LIVES` is the number of containers, six by default.
@Suite(.serialized)
struct LivingContainersTests {
    private let lives =
        ProcessInfo.processInfo.environment["LAZARET_LIVES"].flatMap { Int($0) } ?? 6

    /// Receives the containers' names.
    private final class NameListener: Sendable {
        struct Word: Sendable {
            var source: IPAddress
            /// The time of sending by the sender's clock, in nanoseconds since 1970.
            var time: Timestamp
            var name: String
        }

        let words = Mutex<[Word]>([])
        private let isOver = Mutex(false)

        init(_ space: Namespace) throws {
            var made: Int32 = -1
            try space.inside { made = socket(AF_INET6, Int32(SOCK_STREAM.rawValue), 0) }
            var off: Int32 = 0
            setsockopt(made, Int32(IPPROTO_IPV6), IPV6_V6ONLY, &off, 4)
            var name = sockaddr_in6()
            name.sin6_family = sa_family_t(AF_INET6)
            name.sin6_port = UInt16(9999).bigEndian
            let bound = withUnsafePointer(to: &name) { raw in
                raw.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(made, $0, 28) }
            }
            guard made >= 0, bound == 0, listen(made, 256) == 0 else {
                throw CommandFailed(description: "listen: \(errno)")
            }
            var wait = timeval(tv_sec: 0, tv_usec: 500_000)
            let size = socklen_t(MemoryLayout<timeval>.size)
            setsockopt(made, SOL_SOCKET, SO_RCVTIMEO, &wait, size)
            let descriptor = made
            // The start of /proc/uptime.
            var uptime = timespec()
            clock_gettime(CLOCK_BOOTTIME, &uptime)
            let boot =
                Clock.now() - .seconds(uptime.tv_sec)
                - .nanoseconds(uptime.tv_nsec)
            Thread.detachNewThread { [weak self] in
                defer { close(descriptor) }
                var bytes = [UInt8](repeating: 0, count: 512)
                while let self, !isOver.withLock({ $0 }) {
                    var from = sockaddr_in6()
                    var length = socklen_t(28)
                    let talk = withUnsafeMutablePointer(to: &from) { raw in
                        raw.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                            accept(descriptor, $0, &length)
                        }
                    }
                    guard talk >= 0 else { continue }
                    var short = timeval(tv_sec: 10, tv_usec: 0)
                    setsockopt(talk, SOL_SOCKET, SO_RCVTIMEO, &short, size)
                    let count = recv(talk, &bytes, bytes.count, 0)
                    close(talk)
                    let source = withUnsafeBytes(of: from.sin6_addr) { IPAddress(bytes: Array($0)) }
                    guard count > 0, let source else { continue }
                    let text = String(decoding: bytes.prefix(count), as: UTF8.self)
                    let parts = text.split(whereSeparator: \.isWhitespace)
                    guard parts.count == 2, let uptime = Double(parts[1]) else { continue }
                    // It is truncated to hundredths, and the sender lives longer than one hundredth
                    // more.
                    let time = boot + .seconds(uptime + 0.01)
                    words.withLock {
                        $0.append(Word(source: source, time: time, name: String(parts[0])))
                    }
                }
            }
        }

        func stop() { isOver.withLock { $0 = true } }
    }

    @Test(.needs(.docker), .timeLimit(.minutes(20))) func dockerContainersAreNamed() async throws {
        try await live(.docker)
    }

    @Test(.needs(.podman), .timeLimit(.minutes(20))) func podmanContainersAreNamed() async throws {
        try await live(.podman)
    }

    private func live(_ kind: ContainerHost.Engine) async throws {
        let host = try ContainerHost(kind)
        // A small network, in which addresses are reused within seconds.
        let name = try host.network("a", v4: "10.66.0.0/28", v6: "fd66::/64")
        let directory = WorkloadDirectory()
        let engine = ContainerEngine(
            name: kind.rawValue, path: host.socket, naming: WorkloadNaming(), directory: directory)
        let task = Task.detached(executorPreference: OwnThreads()) {
            await engine.run(logger: CollectedLog().logger)
        }
        defer { task.cancel() }
        let isThere = await eventually { directory.networks().contains { $0.name == name } }
        try #require(isThere)
        let listener = try NameListener(host.space)
        defer { listener.stop() }
        let began = Date()
        for life in 0..<lives {
            // Every container sends its name repeatedly from its start, and ends after a moment.
            // Some are removed by hand.
            let label = "lz-\(name)-\(life)"
            let say =
                """
                i=0; while [ $i -lt \(life % 2 == 0 ? 4 : 15) ]; do read up rest </proc/uptime; \
                for to in 10.66.0.1 fd66::1; do (echo \(label) $up | nc -w 20 $to 9999) & done; \
                usleep 200000; i=$((i+1)); done; wait
                """
            try host.run([
                "run", "-d", "--rm", "--name", label, "--network", name, "--label",
                "com.docker.compose.project=p", "--label",
                "com.docker.compose.service=s\(life % 3)",
                life % 2 == 0 ? "job:1" : "web:1", "sh", "-c", say,
            ])
            if life % 2 == 1 {
                let isKnown = await eventually {
                    directory.leases().contains { $0.lease.container.name == label }
                        && listener.words.withLock { $0.contains { $0.name == label } }
                }
                #expect(isKnown, "\(label)")
                try host.run(["rm", "-f"] + (kind == .podman ? ["-t", "0"] : []) + [label])
            }
            if life == lives / 2 {
                // The server is restarted while containers run.
                host.stopServer()
                try host.start()
                let isBack = await eventually { !directory.source.contains("not answering") }
                #expect(isBack)
            }
        }
        let seconds = Date().timeIntervalSince(began)
        let areGone = await eventually { directory.leases().isEmpty }
        #expect(areGone, "\(directory.leases())")
        let words = listener.words.withLock { $0 }
        var wrong: [String] = []
        for word in words {
            let found = directory.lease(of: word.source, at: word.time)
            if found?.container.name != word.name {
                wrong.append("\(word.name) at \(word.source): \(found?.container.name ?? "nobody")")
            }
        }
        let heard = Set(words.map(\.name)).count
        let spots = Set(words.map(\.source)).count
        print(
            """
            \(kind.rawValue): \(lives) lives in \(seconds) s, \(heard) heard of at \(spots) \
            addresses, \(words.count) packets, \(wrong.count) wrongly attributed
            """
        )
        #expect(heard >= lives * 9 / 10 && words.contains { !$0.source.isIPv4 })
        #expect(wrong.isEmpty, "\(wrong.count) of \(words.count): \(wrong.prefix(5))")
        #expect(
            directory.bridges().allSatisfy {
                $0.hasPrefix("br-") || $0.hasPrefix("podman") || $0 == "docker0"
            })
    }
}
