internal import Foundation

/// A web server in the lab whose node masquerades and publishes its port, with clients on every
/// path: the same bridge, another bridge, outside; directly and by the published port.
public final class ShopTraffic {
    public static let publishedPort = 8080
    public static let closedPort = 8081
    /// The world beyond the router `lab.outside`: a web server, and users from `.100` on.
    public static let world = "198.51.100."
    public static let server = world + "10"
    public static let users = 40
    private let lab: Lab
    private var running: [Process] = []
    private let scratch: Scratch

    /// Masquerading towards the outside, and port 8080 of the node as port 80 of `lab.b`; port 8081
    /// as its port 81, which refuses connections.
    public init(_ lab: Lab) throws {
        self.lab = lab
        scratch = try Scratch()
        try scratch.write("serve.py", Data(Self.serving.utf8))
        try scratch.write("fetch.py", Data(Self.fetching.utf8))
        try lab.node.space.run(
            "nft", "-f", "-",
            input: """
                table ip nat {
                  chain pre { type nat hook prerouting priority -100;
                    fib daddr type local tcp dport \(Self.publishedPort) dnat to \(lab.b.v4):80;
                    fib daddr type local tcp dport \(Self.closedPort) dnat to \(lab.b.v4):81; }
                  chain post { type nat hook postrouting priority 100;
                    oifname "uplink" ip saddr 10.77.0.0/16 masquerade; }
                }

                """)
        // The world knows no way to the containers but the node's own address.
        try lab.outside.space.run("ip", "route", "del", "default")
        try lab.node.space.run("ip", "route", "add", "default", "via", lab.outside.v4)
        for number in [10] + (100..<100 + Self.users) {
            try lab.outside.space.run(
                "ip", "addr", "add", "\(Self.world)\(number)/32", "dev", "lo")
        }
    }

    deinit { stop() }

    public func stop() {
        for process in running where process.isRunning {
            process.terminate()
            process.waitUntilExit()
        }
        running = []
    }

    /// Starts servers at `lab.b` and outside, and clients on every path.
    ///
    /// - Parameter isRefused: whether some clients use ports that refuse them.
    public func start(isRefused: Bool = false) throws {
        for (host, address) in [(lab.b, lab.b.v4), (lab.outside, Self.server)] {
            running.append(try host.space.start("python3", scratch.path("serve.py"), address))
        }
        let isServed = try eventually {
            try Socket(lab.a, stream: true).connect(lab.b.v4, 80)
                && Socket(lab.node, stream: true).connect(Self.server, 80)
        }
        guard isServed else { throw CommandFailed(description: "the web servers do not start") }
        let node = lab.node.v4
        try fetch(lab.a, "\(lab.b.v4):80", every: 0.2)
        try fetch(lab.a, "\(Self.server):80", every: 0.3)
        try fetch(lab.bystander, "\(node):\(Self.publishedPort)", every: 0.25)
        try fetch(lab.c, "\(node):\(Self.publishedPort)", every: 0.2)
        try fetch(lab.c, "\(lab.b.v4):80", every: 0.4)
        try fetch(lab.c, "\(Self.server):80", every: 0.35)
        // Users, each from an address of its own, one after the other; one of them is busy.
        try fetch(lab.outside, "10.77.9.1:\(Self.publishedPort)", every: 0.1, as: Self.world, 1)
        try fetch(
            lab.outside, "10.77.9.1:\(Self.publishedPort)", every: 0.4, as: Self.world, Self.users)
        if isRefused {
            try fetch(lab.outside, "10.77.9.1:\(Self.closedPort)", every: 0.2, as: Self.world, 1)
            try fetch(lab.c, "\(node):\(Self.closedPort)", every: 0.2)
            try fetch(lab.a, "\(Self.server):81", every: 0.2)
        }
        // The node's own traffic.
        try fetch(lab.node, "\(Self.server):80", every: 0.5)
    }

    private func fetch(
        _ host: Lab.Host, _ address: String, every seconds: Double, as prefix: String = "",
        _ users: Int = 0
    ) throws {
        running.append(
            try host.space.start(
                "python3", scratch.path("fetch.py"), address, "\(seconds)", prefix, "\(users)"))
    }

    private static let serving = """
        import socketserver, sys
        class Handler(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.settimeout(5)
                try:
                    self.request.recv(4096)
                    self.request.sendall(b'HTTP/1.0 200 OK\\r\\n\\r\\n' + b'x' * 3000)
                except OSError:
                    pass
        class Server(socketserver.ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True
            request_queue_size = 64
        Server((sys.argv[1], 80), Handler).serve_forever()

        """

    private static let fetching = """
        import random, socket, sys, time
        host, port = sys.argv[1].rsplit(':', 1)
        prefix, users = sys.argv[3], int(sys.argv[4])
        turn = 0
        while True:
            turn += 1
            source = (prefix + str(100 + turn % users), 0) if users else None
            try:
                with socket.create_connection((host, int(port)), 5, source) as link:
                    link.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
                    while link.recv(4096):
                        pass
            except OSError:
                pass
            time.sleep(random.uniform(0.5, 1.5) * float(sys.argv[2]))

        """
}
