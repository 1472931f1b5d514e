import Foundation
import Synchronization
import TestKit

/// A simulation of Docker's containers and networks, with the answers of Docker 28.
final class FakeDocker: Sendable {
    struct Place: Codable, Equatable {
        var address: String
        var v6 = ""
        var mac: String
        var aliases: [String] = []
    }

    struct Box: Equatable {
        var id: String
        var name: String
        var isRunning = true
        var isPaused = false
        var startedAt: String
        var mode = "bridge"
        var restart = "no"
        var networks: [String: Place] = [:]
    }

    private struct State {
        var boxes: [String: Box] = [:]
        var log: [String] = []
        /// The answer to requests whose target contains the text.
        var faults: [String: (status: Int, message: String)] = [:]
        /// Requests that have an effect, and whose answer is lost.
        var lossy: Set<String> = []
        var starts = 0
        /// Networks whose addresses nobody may choose.
        var automatic: Set<String> = []
        /// Networks without a way out.
        var internals: Set<String> = []
        var isDead = false
        /// Whether it behaves as Podman 4.3 does.
        var isPodman = false
        var images: [String] = []
        /// Requests that wait until the test lets them go.
        var held = ""
    }

    private let state = Mutex(State())
    private let server = Mutex<ScriptedServer?>(nil)
    let path = "/tmp/lzr-\(UInt32.random(in: 0...UInt32.max)).sock"

    init() throws { try start() }

    deinit { stop() }

    func start() throws {
        let made = try ScriptedServer(socket: path) { [weak self] request in
            self?.answer(request) ?? .whole(500, "")
        }
        server.withLock { $0 = made }
    }

    func stop() {
        server.withLock { server in
            server?.stop()
            server = nil
        }
        unlink(path)
    }

    static func id(_ number: Int) -> String { String(repeating: "\(number % 10)a", count: 32) }
    static func network(_ name: String) -> String {
        let bytes = name.utf8.map { String(format: "%02x", $0) }.joined()
        return String((bytes + String(repeating: "0", count: 64)).prefix(64))
    }

    /// Adds a container that started at the given second.
    @discardableResult
    func add(
        _ number: Int, _ name: String, at addresses: [String: String], started second: Int = 1000,
        mode: String = "bridge", aliases: [String] = []
    ) -> String {
        let id = Self.id(number)
        var networks: [String: Place] = [:]
        for (network, address) in addresses {
            networks[network] = Place(
                address: address, mac: "02:42:0a:00:00:0\(number)",
                aliases: aliases + [String(id.prefix(12))])
        }
        let box = Box(
            id: id, name: name, startedAt: Self.time(second), mode: mode, networks: networks)
        state.withLock { $0.boxes[id] = box }
        return id
    }

    static func time(_ second: Int) -> String {
        ISO8601DateFormatter().string(from: Date(timeIntervalSince1970: Double(second)))
            .replacingOccurrences(of: "Z", with: ".000000001Z")
    }

    subscript(number: Int) -> Box? { state.withLock { $0.boxes[Self.id(number)] } }

    func change(_ number: Int, _ body: (inout Box) -> Void) {
        state.withLock { state in
            guard var box = state.boxes[Self.id(number)] else { return }
            body(&box)
            state.boxes[Self.id(number)] = box
        }
    }

    func remove(_ number: Int) { state.withLock { $0.boxes[Self.id(number)] = nil } }

    /// Requests that changed something.
    var changes: [String] { state.withLock { $0.log.filter { !$0.hasPrefix("GET ") } } }
    var requests: [String] { state.withLock { $0.log } }

    func fail(_ text: String, _ status: Int?, _ message: String = "no") {
        state.withLock { $0.faults[text] = status.map { ($0, message) } }
    }

    func lose(_ text: String) { state.withLock { _ = $0.lossy.insert(text) } }
    func makeInternal(_ network: String) { state.withLock { _ = $0.internals.insert(network) } }
    func makeAutomatic(_ network: String) { state.withLock { _ = $0.automatic.insert(network) } }
    /// From now on, no request has an effect or an answer.
    func die() { state.withLock { $0.isDead = true } }
    func live() { state.withLock { $0.isDead = false } }

    var images: [String] { state.withLock { $0.images } }
    func becomePodman() { state.withLock { $0.isPodman = true } }
    func hold(_ text: String) { state.withLock { $0.held = text } }
    func letGo() { state.withLock { $0.held = "" } }

    private func isHeld(_ request: ScriptedServer.Request) -> Bool {
        state.withLock { !$0.held.isEmpty && request.target.contains($0.held) }
    }

    private func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        while isHeld(request) { Thread.sleep(forTimeInterval: 0.05) }
        return state.withLock { state in
            if state.isDead { return .whole(500, #"{"message":"dead"}"#) }
            let line = "\(request.method) \(request.target)"
            state.log.append(line)
            if let fault = state.faults.first(where: { line.contains($0.key) })?.value {
                return .whole(fault.status, #"{"message":"\#(fault.message)"}"#)
            }
            let answer = Self.act(request, &state)
            guard let lost = state.lossy.first(where: { line.contains($0) }) else { return answer }
            state.lossy.remove(lost)
            return .whole(500, #"{"message":"the answer was lost"}"#)
        }
    }

    private static func act(
        _ request: ScriptedServer.Request, _ state: inout State
    ) -> ScriptedServer.Answer {
        let words = request.target.prefix { $0 != "?" }.split(separator: "/").map(String.init)
        if words == ["version"] {
            let name = state.isPodman ? "Podman Engine" : "Engine"
            return .whole(200, #"{"Components":[{"Name":"\#(name)"}]}"#)
        }
        if words == ["v4.0.0", "libpod", "containers", "json"] {
            let rows = state.boxes.values.filter(\.isRunning).map { box in
                let holder =
                    box.mode.hasPrefix("container:") ? String(box.mode.dropFirst(10)) : box.id
                return #"""
                    {"Id":"\#(box.id)","Names":["\#(box.name)"],"Namespaces":{"Net":"\#(holder)"}}
                    """#
            }
            return .whole(200, "[\(rows.joined(separator: ","))]")
        }
        if words == ["containers", "json"] {
            let list = state.boxes.values.filter(\.isRunning).sorted { $0.id < $1.id }
            let rows = list.map { listed($0, isPodman: state.isPodman) }
            return .whole(200, "[\(rows.joined(separator: ","))]")
        }
        if words.count == 2, words[0] == "networks" {
            let isKnown = state.internals.contains(words[1]) || words[1] == "net"
            return .whole(
                isKnown ? 200 : 404, #"{"Internal":\#(state.internals.contains(words[1]))}"#)
        }
        if words.first == "commit" || words.first == "images" { return image(request, &state) }
        guard words.count == 3 else { return .whole(404, #"{"message":"page not found"}"#) }
        if words[0] == "networks" { return connect(words, request.body, &state) }
        guard var box = state.boxes[words[1]] else {
            return .whole(404, #"{"message":"No such container"}"#)
        }
        defer { state.boxes[words[1]] = box }
        switch words[2] {
        case "json": return .whole(200, inspected(box))
        case "top":
            return .whole(
                200, #"{"Processes":[["root","1","nc -l"]],"Titles":["UID","PID","CMD"]}"#)
        case "pause":
            guard box.isRunning, !box.isPaused else { return .whole(409, "{}") }
            box.isPaused = true
        case "unpause":
            guard box.isPaused else { return .whole(409, "{}") }
            box.isPaused = false
        case "stop":
            guard box.isRunning else { return .whole(304, "") }
            if state.isPodman, box.isPaused {
                return .whole(500, #"{"message":"container is running or paused"}"#)
            }
            (box.isRunning, box.isPaused) = (false, false)
        case "start":
            guard !box.isRunning else { return .whole(304, "") }
            box.isRunning = true
            state.starts += 1
            box.startedAt = time(5000 + state.starts)
        default: return .whole(404, "{}")
        }
        return .whole(204, "")
    }

    private static func image(
        _ request: ScriptedServer.Request, _ state: inout State
    ) -> ScriptedServer.Answer {
        let target = request.target
        if target.hasPrefix("/commit?") {
            let fields = target.dropFirst(8).split(separator: "&").map { $0.split(separator: "=") }
            let values = Dictionary(
                fields.filter { $0.count == 2 }.map { (String($0[0]), String($0[1])) },
                uniquingKeysWith: { $1 })
            guard state.boxes[values["container"] ?? ""] != nil else { return .whole(404, "{}") }
            state.images.append("\(values["repo"] ?? ""):\(values["tag"] ?? "")")
            return .whole(201, #"{"Id":"sha256:1"}"#)
        }
        if target.hasPrefix("/images/json") {
            let list = state.images.map { #"{"RepoTags":["\#($0)"]}"# }.joined(separator: ",")
            return .whole(
                200,
                #"[{"RepoTags":["other:1"]},{"RepoTags":null}\#(list.isEmpty ? "" : ","+list)]"#)
        }
        let name = target.dropFirst("/images/".utf8.count)
        if request.method == "DELETE" {
            state.images.removeAll { $0 == name }
            return .whole(200, "[]")
        }
        let isKnown = state.images.contains { name == $0 + "/json" }
        return .whole(isKnown ? 200 : 404, "{}")
    }

    private struct Change: Decodable {
        struct Endpoint: Decodable {
            struct Addresses: Decodable {
                var IPv4Address: String?
                var IPv6Address: String?
            }
            var IPAMConfig: Addresses?
            var Aliases: [String]?
            var MacAddress: String?
        }
        var Container: String
        var EndpointConfig: Endpoint?
    }

    private static func connect(
        _ words: [String], _ body: String, _ state: inout State
    ) -> ScriptedServer.Answer {
        guard let change = try? JSONDecoder().decode(Change.self, from: Data(body.utf8)),
            var box = state.boxes[change.Container]
        else { return .whole(400, #"{"message":"bad request"}"#) }
        let names = Set(state.boxes.values.flatMap(\.networks.keys)).union(["net", "back"])
            .union(state.internals)
        guard let name = names.first(where: { network($0) == words[1] || $0 == words[1] }) else {
            return .whole(404, #"{"message":"network not found"}"#)
        }
        if words[2] == "disconnect" {
            guard box.networks.removeValue(forKey: name) != nil else {
                return .whole(500, #"{"message":"is not connected"}"#)
            }
        } else {
            guard box.networks[name] == nil else {
                return .whole(403, #"{"message":"endpoint already exists"}"#)
            }
            let wanted = change.EndpointConfig?.IPAMConfig?.IPv4Address
            if wanted != nil, state.automatic.contains(name) {
                return .whole(
                    400,
                    #"""
                    {"message":"user specified IP address is supported only when connecting to \#
                    networks with user configured subnets"}
                    """#)
            }
            let isTaken = state.boxes.values.contains { $0.networks[name]?.address == wanted }
            if isTaken, wanted != nil {
                return .whole(403, #"{"message":"Address already in use"}"#)
            }
            box.networks[name] = Place(
                address: wanted ?? "10.0.0.99",
                v6: change.EndpointConfig?.IPAMConfig?.IPv6Address ?? "",
                mac: change.EndpointConfig?.MacAddress ?? "02:42:0a:00:00:99",
                aliases: (change.EndpointConfig?.Aliases ?? []) + [String(box.id.prefix(12))])
        }
        state.boxes[box.id] = box
        return .whole(200, "")
    }

    private static func networks(_ box: Box) -> String {
        box.networks.sorted { $0.key < $1.key }.map { name, place in
            let aliases = place.aliases.map { "\"\($0)\"" }.joined(separator: ",")
            return """
                "\(name)":{"IPAMConfig":null,"Links":null,"Aliases":[\(aliases)],\
                "MacAddress":"\(place.mac)","DriverOpts":null,"GwPriority":0,\
                "NetworkID":"\(network(name))","EndpointID":"e","Gateway":"10.0.0.1",\
                "IPAddress":"\(place.address)","IPPrefixLen":24,"IPv6Gateway":"",\
                "GlobalIPv6Address":"\(place.v6)","DNSNames":null}
                """
        }.joined(separator: ",")
    }

    private static func listed(_ box: Box, isPodman: Bool) -> String {
        let host = isPodman ? "null" : #"{"NetworkMode":"\#(box.mode)"}"#
        return """
            {"Id":"\(box.id)","Names":["/\(box.name)"],"Image":"web:1","State":"running",\
            "HostConfig":\(host),\
            "NetworkSettings":{"Networks":{\(networks(box))}}}
            """
    }

    private static func inspected(_ box: Box) -> String {
        """
        {"Id":"\(box.id)","Name":"/\(box.name)","State":{"Status":"x","Running":\(box.isRunning),\
        "Paused":\(box.isPaused),"StartedAt":"\(box.startedAt)","FinishedAt":""},\
        "HostConfig":{"NetworkMode":"\(box.mode)","RestartPolicy":{"Name":"\(box.restart)",\
        "MaximumRetryCount":0}},"NetworkSettings":{"Networks":{\(networks(box))}}}
        """
    }
}
