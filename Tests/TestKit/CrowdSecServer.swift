public import Foundation
public import Testing

extension Trait where Self == ConditionTrait {
    /// Needs CrowdSec, which `scripts/install-dependencies.sh test` unpacks below `.build`.
    public static var needsCrowdSec: Self {
        .enabled(if: CrowdSecServer.isAvailable, "needs CrowdSec")
    }
}

/// CrowdSec's Local API in a folder of the test, without its agent and without the central one.
public final class CrowdSecServer {
    static let programs = Run.root.appendingPathComponent(".build/crowdsec/usr/bin")

    public static var isAvailable: Bool {
        FileManager.default.isExecutableFile(
            atPath: programs.appendingPathComponent("crowdsec").path)
            && FileManager.default.isExecutableFile(
                atPath: programs.appendingPathComponent("crowdsec-firewall-bouncer").path)
    }

    public let port: Int
    private let folder: URL
    private var process: Process?
    /// What comes before a program, to run it in a namespace.
    private let enter: [String]
    private var configuration: String { folder.appendingPathComponent("config.yaml").path }

    public var url: String { "http://127.0.0.1:\(port)" }

    /// Starts it; the machine `gw1` has the password `a long password`.
    ///
    /// - Parameter space: where it listens; nil: on this machine's loopback.
    public init(in folder: URL, space: Namespace? = nil) throws {
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        self.folder = folder
        enter = space.map { ["nsenter", "--net=/run/netns/\($0.name)"] } ?? []
        port = space == nil ? try Self.freePort() : 8080
        let path = folder.path
        let credentials = "\(path)/client-\(port).yaml"
        for name in ["data", "hub"] {
            try FileManager.default.createDirectory(
                at: folder.appendingPathComponent(name), withIntermediateDirectories: true)
        }
        try write(
            "config.yaml",
            """
            common: {daemonize: false, log_media: stdout, log_level: info}
            config_paths: {config_dir: \(path), data_dir: \(path)/data, simulation_path: \
            \(path)/simulation.yaml, hub_dir: \(path)/hub, index_path: \(path)/hub/.index.json}
            db_config: {type: sqlite, db_path: \(path)/data/crowdsec.db, use_wal: true, flush: \
            {max_items: 100000, max_age: 365d}}
            api:
              client: {credentials_path: \(credentials)}
              server: {listen_uri: '127.0.0.1:\(port)', profiles_path: \(path)/profiles.yaml}
            prometheus: {enabled: false}

            """)
        try write(
            "profiles.yaml",
            "{name: none, filters: [\"false\"], decisions: [], on_success: break}\n")
        try start()
        _ = try cscli(
            "machines", "add", "gw1", "--password", "a long password", "-f", credentials, "-u", url)
    }

    deinit { stop() }

    private func write(_ name: String, _ text: String) throws {
        try Data(text.utf8).write(to: folder.appendingPathComponent(name))
    }

    /// A port that nobody uses at the moment.
    private static func freePort() throws -> Int {
        let server = try ScriptedServer { _ in .whole(500, "") }
        defer { server.stop() }
        return Int(server.port)
    }

    /// Starts it; tokens of an earlier start are not valid any more.
    public func start() throws {
        let made = Process()
        made.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        made.arguments =
            enter + [
                Self.programs.appendingPathComponent("crowdsec").path, "-c", configuration,
                "-no-cs", "-no-capi",
            ]
        made.standardOutput = FileHandle.nullDevice
        made.standardError = FileHandle.nullDevice
        try made.runUnblocked()
        process = made
        let isUp = eventually(within: 60) {
            (try? Namespace.command(enter + ["curl", "-sf", "\(url)/health"])) != nil
        }
        try #require(isUp, "the Local API does not start")
    }

    public func stop() {
        let running = process
        process = nil
        guard let running, running.isRunning else { return }
        kill(running.processIdentifier, SIGKILL)
        running.waitUntilExit()
    }

    @discardableResult
    public func cscli(_ words: String...) throws -> String {
        try Namespace.command(
            enter + [Self.programs.appendingPathComponent("cscli").path, "-c", configuration]
                + words)
    }

    /// A bouncer, and what it has been told so far.
    public final class Bouncer {
        private let server: CrowdSecServer
        private let key: String
        private var hasStarted = false
        /// `Ip 203.0.113.9 ban lazaret`. By what they say, as bouncers keep them: of two decisions
        /// on an address the server names the first when it begins, and the second when it ends.
        private var decisions: Set<String> = []
        /// The decisions that the server has named as new.
        public private(set) var identifiers: Set<Int> = []
        public private(set) var durations: [String: String] = [:]

        init(_ server: CrowdSecServer, _ name: String) throws {
            self.server = server
            key = try server.cscli("bouncers", "add", name, "-o", "raw")
                .trimmingCharacters(in: .whitespacesAndNewlines)
        }

        public var secret: String { key }

        /// Asks for what is new.
        public func pull() throws -> Set<String> {
            let text = try Namespace.command(
                server.enter + [
                    "curl", "-sf", "-H", "X-Api-Key: \(key)",
                    "\(server.url)/v1/decisions/stream?startup=\(!hasStarted)",
                ])
            hasStarted = true
            let object = try JSONSerialization.jsonObject(with: Data(text.utf8))
            let lists = object as? [String: Any] ?? [:]
            for decision in lists["deleted"] as? [[String: Any]] ?? [] {
                decisions.remove(Self.words(of: decision).joined(separator: " "))
            }
            for decision in lists["new"] as? [[String: Any]] ?? [] {
                let words = Self.words(of: decision)
                decisions.insert(words.joined(separator: " "))
                identifiers.insert(decision["id"] as? Int ?? 0)
                durations[words[1]] = decision["duration"] as? String
            }
            return decisions
        }

        private static func words(of decision: [String: Any]) -> [String] {
            ["scope", "value", "type", "origin"].map { decision[$0] as? String ?? "" }
        }
    }

    public func bouncer(_ name: String) throws -> Bouncer { try Bouncer(self, name) }
}
