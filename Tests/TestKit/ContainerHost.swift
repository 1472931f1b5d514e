import Foundation
public import Testing

/// Docker or Podman in its own network namespace; the machine's network is not changed.
public final class ContainerHost {
    public enum Engine: String, Sendable { case docker, podman }

    public let engine: Engine
    public let space: Namespace
    /// The engine's interface.
    public let socket: String
    private let folder: String
    private var server: Int32?

    /// Foundation detects the end of a program by a socket that all its children inherit. A
    /// container's shim would keep it open, so it is closed first.
    private static let alone = [
        "bash", "-c",
        #"""
        for f in /proc/$$/fd/*; do n=${f##*/}; [ "$n" -gt 2 ] && eval "exec $n>&-"; done; exec "$@"
        """#,
        "-",
    ]

    /// Whether an engine can run here: root, the engine itself, and a shell that needs no
    /// libraries.
    public static func isPossible(_ engine: Engine) -> Bool {
        let programs =
            engine == .docker
            ? ["dockerd", "docker", "containerd", "iptables"] : ["podman", "conmon"]
        return (programs + ["runc", "busybox", "curl", "tar"]).allSatisfy(isInstalled)
            && mayUseKernel
    }

    public init(_ engine: Engine) throws {
        self.engine = engine
        space = try Namespace(engine.rawValue)
        // Short: a socket's path has at most 107 bytes.
        folder = "/tmp/lz-\(engine.rawValue)-\(UInt32.random(in: 0...UInt32.max))"
        socket = folder + "/engine.sock"
        let files = FileManager.default
        try files.createDirectory(atPath: folder + "/rootfs/bin", withIntermediateDirectories: true)
        try files.createDirectory(atPath: folder + "/rootfs/tmp", withIntermediateDirectories: true)
        try files.copyItem(atPath: "/bin/busybox", toPath: folder + "/rootfs/bin/busybox")
        for name in ["sh", "sleep", "usleep", "nc", "httpd"] {
            try files.createSymbolicLink(
                atPath: folder + "/rootfs/bin/\(name)", withDestinationPath: "busybox")
        }
        try Namespace.command(["tar", "-C", folder + "/rootfs", "-cf", folder + "/image.tar", "."])
        try Data(
            "[containers]\ndefault_ulimits = [\"nofile=4096:4096\", \"nproc=4096:4096\"]\n".utf8
        ).write(to: URL(fileURLWithPath: folder + "/containers.conf"))
        try start()
        try run("import", folder + "/image.tar", "web:1")
        for name in ["job:1", "intruder:1", "web:2"] { try run("tag", "web:1", name) }
    }

    /// Starts the engine's server, and waits until it answers.
    public func start() throws {
        let words =
            engine == .docker
            ? [
                "dockerd", "--data-root", folder + "/data", "--exec-root", folder + "/exec", "-p",
                folder + "/pid", "-H", "unix://" + socket, "--storage-driver", "overlay2",
                "--userland-proxy=false", "--live-restore", "--ip6tables=false",
            ]
            : podman + ["system", "service", "--time=0", "unix://" + socket]
        let log = folder + "/server.log"
        let pid = try Namespace.command(
            Self.alone + [
                "bash", "-c", #"log=$1; shift; "$@" </dev/null >>"$log" 2>&1 & echo $!"#, "-", log,
                "env", "CONTAINERS_CONF=\(folder)/containers.conf", "nsenter",
                "--net=/run/netns/\(space.name)",
            ] + words)
        server = Int32(pid.trimmingCharacters(in: .whitespacesAndNewlines))
        var isAnswering = false
        _ = eventually {
            let answer = try? Namespace.command([
                "curl", "-s", "-m", "60", "--unix-socket", socket, "http://d/version",
            ])
            isAnswering = answer?.contains("Version") == true
            return isAnswering || !isRunning
        }
        if isAnswering { return }
        let said = (try? String(contentsOfFile: log, encoding: .utf8)) ?? ""
        throw CommandFailed(description: "\(engine.rawValue) does not answer: \(said.suffix(500))")
    }

    private var isRunning: Bool {
        server.map { FileManager.default.fileExists(atPath: "/proc/\($0)/exe") } ?? false
    }

    /// Stops the engine's server; containers keep running.
    public func stopServer() {
        guard let server, isRunning else { return }
        kill(server, SIGTERM)
        _ = eventually { !isRunning }
        self.server = nil
    }

    private var podman: [String] {
        [
            "podman", "--root", folder + "/root", "--runroot", folder + "/run", "--tmpdir",
            folder + "/tmp", "--network-config-dir", folder + "/net", "--runtime", "runc",
            "--events-backend", "file",
        ]
    }

    /// Runs the engine's command.
    @discardableResult
    public func run(_ words: String...) throws -> String { try run(words) }

    @discardableResult
    public func run(_ words: [String]) throws -> String {
        let command =
            engine == .docker
            ? ["docker", "-H", "unix://" + socket] + words
            : [
                "env", "CONTAINERS_CONF=\(folder)/containers.conf", "nsenter",
                "--net=/run/netns/\(space.name)",
            ] + podman + words
        return try Namespace.command(Self.alone + command)
    }

    /// Creates a network with both families.
    ///
    /// - Returns: the engine's name for it; unique, because Podman assigns addresses for the whole
    ///   machine.
    public func network(_ label: String, v4: String, v6: String? = nil) throws -> String {
        let name = "lz\(UInt16.random(in: 0...UInt16.max))\(label)"
        var words = ["network", "create", "--subnet", v4]
        if let v6 { words += ["--ipv6", "--subnet", v6] }
        if engine == .podman { words.append("--disable-dns") }
        try run(words + [name])
        return name
    }

    deinit {
        let ids = (try? run("ps", "-aq"))?.split(separator: "\n").map(String.init) ?? []
        if !ids.isEmpty {
            _ = try? run(["rm", "-f"] + (engine == .podman ? ["-t", "0"] : []) + ids)
        }
        if let names = try? run("network", "ls", "--format", "{{.Name}}") {
            for name in names.split(separator: "\n") where name.hasPrefix("lz") {
                _ = try? run("network", "rm", String(name))
            }
        }
        stopServer()
        killLeftovers()
        let mounts = (try? String(contentsOfFile: "/proc/mounts", encoding: .utf8)) ?? ""
        for line in mounts.split(separator: "\n").reversed() {
            let words = line.split(separator: " ")
            if words.count > 1, words[1].hasPrefix(folder + "/") {
                _ = try? Namespace.command(["umount", "-l", String(words[1])])
            }
        }
        try? FileManager.default.removeItem(atPath: folder)
    }
}

extension ContainerHost {
    /// Ends remaining processes of this host: a container that ends together with its server may
    /// leave its shim behind.
    private func killLeftovers() {
        let names = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        for process in names.compactMap({ Int32($0) }) {
            let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
            if words.range(of: Data("\(folder)/".utf8)) != nil { kill(process, SIGKILL) }
        }
    }
}

extension Trait where Self == ConditionTrait {
    /// Needs Docker or Podman, and root.
    public static func needs(_ engine: ContainerHost.Engine) -> Self {
        .enabled(
            if: ContainerHost.isPossible(engine),
            """
            needs root, \(engine.rawValue), runc, curl and a static busybox to run containers in a \
            namespace
            """
        )
    }
}
