internal import Foundation
internal import Synchronization
public import Timestamps

/// A simulation of Docker without containers: addresses from a pool that are reused at once, events
/// in order, with answers recorded from Docker 20.10.
public final class ScriptedEngine: Sendable {
    public struct Life: Sendable {
        public var id: String
        public var name: String
        public var labels: [String: String] = [:]
        public var v4: String
        public var v6: String
        public var since: Timestamp
        /// The labels of its image; its containers have them too.
        public var imageLabels: [String: String] = [:]
        public var mac: String

        public init(
            id: String, name: String, labels: [String: String] = [:], v4: String, v6: String,
            since: Timestamp, imageLabels: [String: String] = [:],
            mac: String = "02:42:0a:00:00:05"
        ) {
            self.id = id
            self.mac = mac
            self.imageLabels = imageLabels
            self.name = name
            self.labels = labels
            self.v4 = v4
            self.v6 = v6
            self.since = since
        }

        var allLabels: [String: String] { imageLabels.merging(labels) { $1 } }
        var image: String { imageLabels.isEmpty ? "job:1" : "job:\(id.suffix(8))" }
    }

    private struct State {
        var running: [String: Life] = [:]
        var streams: [ScriptedServer.Stream] = []
        var server: ScriptedServer?
        var lists = 0
        var imageQueries = 0
        var hidesImages = false
    }

    public let path: String
    /// Of its network.
    private let subnet: String
    private let state = Mutex(State())

    static let network = String(repeating: "ab", count: 32)

    public init(path: String, subnet: String = "10.0.0.0/16") throws {
        self.path = path
        self.subnet = subnet
        try start()
    }

    public func start() throws {
        let server = try ScriptedServer(socket: path) { [weak self] in
            self?.answer($0) ?? .whole(500, "")
        }
        state.withLock { $0.server = server }
    }

    /// Closes every connection, as a daemon does when it is restarted.
    public func stop() {
        let (server, streams) = state.withLock { state in
            defer {
                state.server = nil
                state.streams = []
            }
            return (state.server, state.streams)
        }
        for stream in streams { stream.close() }
        server?.stop()
        unlink(path)
    }

    public var lists: Int { state.withLock { $0.lists } }
    public var imageQueries: Int { state.withLock { $0.imageQueries } }
    public var listeners: Int { state.withLock { $0.streams.count } }

    private func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        let target = request.target
        if target == "/version" { return .whole(200, #"{"Components":[{"Name":"Engine"}]}"#) }
        if target.hasPrefix("/events") {
            return .stream { [weak self] stream in
                self?.state.withLock { $0.streams.append(stream) }
            }
        }
        let running = state.withLock { state in
            if target == "/containers/json" { state.lists += 1 }
            return state.running.values.sorted { $0.id < $1.id }
        }
        if target == "/networks" { return .whole(200, "[\(describe([]))]") }
        if target.hasPrefix("/networks/") { return .whole(200, describe(running)) }
        if target.hasPrefix("/containers/json") {
            let wanted = running.filter { target == "/containers/json" || target.contains($0.id) }
            return .whole(200, "[\(wanted.map(Self.describe).joined(separator: ","))]")
        }
        // Each container has its own image.
        let image =
            running.first { target == "/images/\($0.image)/json" }
            ?? running.first { target == "/images/sha256:\($0.id)/json" }
        if let image {
            state.withLock { $0.imageQueries += 1 }
            guard !hidesImages else { return .whole(403, "no") }
            return .whole(200, #"{"Config":{"Labels":\#(Self.json(image.imageLabels))}}"#)
        }
        return .whole(404, "{}")
    }

    /// A proxy in front of the engine that allows only some requests.
    public var hidesImages: Bool {
        get { state.withLock { $0.hidesImages } }
        set { state.withLock { $0.hidesImages = newValue } }
    }

    private static func json(_ value: some Encodable) -> String {
        (try? JSONEncoder().encode(value)).map { String(decoding: $0, as: UTF8.self) } ?? "null"
    }

    private static func describe(_ life: Life) -> String {
        """
        {"Id":"\(life.id)","Names":["/\(life.name)"],"Image":"\(life.image)",\
        "ImageID":"sha256:\(life.id)",\
        "Created":\(life.since.second),"State":"running","Labels":\(json(life.allLabels)),\
        "NetworkSettings":{"Networks":{"net":{"IPAddress":"\(life.v4)","GlobalIPv6Address":\
        "\(life.v6)","MacAddress":"\(life.mac)"}}}}
        """
    }

    private func describe(_ lives: [Life]) -> String {
        let members = lives.map {
            #"""
            "\#($0.id)":{"Name":"\#($0.name)","MacAddress":"\#($0.mac)",\#
            "IPv4Address":"\#($0.v4)/16","IPv6Address":"\#($0.v6)/64"}
            """#
        }
        return """
            {"Name":"net","Id":"\(Self.network)","Driver":"bridge",\
            "IPAM":{"Config":[{"Subnet":"\(subnet)"},\
            {"Subnet":"fd00::/64"}]},"Options":{},"Containers":{\(members.joined(separator: ","))}}
            """
    }

    public func sendLine(_ line: String) {
        for stream in state.withLock({ $0.streams }) { stream.write(line) }
    }

    public func begin(_ life: Life, sendsEvent: Bool = true) {
        state.withLock { $0.running[life.id] = life }
        guard sendsEvent else { return }
        var attributes = life.allLabels
        attributes["name"] = life.name
        attributes["image"] = life.image
        let told = Self.json(attributes)
        for (kind, action, id, facts) in [
            ("container", "create", life.id, told),
            (
                "network", "connect", Self.network,
                #"{"container":"\#(life.id)","name":"net","type":"bridge"}"#
            ), ("container", "start", life.id, told),
        ] {
            sendLine(
                #"""
                {"Type":"\#(kind)","Action":"\#(action)","Actor":{"ID":"\#(id)",\#
                "Attributes":\#(facts)},"time":\#(life.since.second),\#
                "timeNano":\#(life.since.nanoseconds)}
                """#
            )
        }
    }

    public func end(_ id: String, at time: Timestamp, sendsEvent: Bool = true) {
        state.withLock { $0.running[id] = nil }
        guard sendsEvent else { return }
        for action in ["die", "destroy"] {
            sendLine(
                #"""
                {"Type":"container","Action":"\#(action)","Actor":{"ID":"\#(id)",\#
                "Attributes":{"exitCode":"0"}},"timeNano":\#(time.nanoseconds)}
                """#
            )
        }
    }
}
