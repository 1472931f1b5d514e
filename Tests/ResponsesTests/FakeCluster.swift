import Foundation
import Synchronization
import TestKit
import Workloads

@testable import Responses

/// The API of a cluster, as far as responses use it: objects by path, merge patches with their
/// preconditions, evictions and scales.
final class FakeCluster: Sendable {
    private struct State {
        /// Objects as JSON, by path.
        var objects: [String: Data] = [:]
        var version = 100
        var requests: [(method: String, path: String, body: String)] = []
        /// The answers to the next requests that change something.
        var refusals: [Int] = []
        /// Whether a disruption budget forbids evictions.
        var isBudgetSpent = false
    }

    typealias Object = [String: Any]

    private let state = Mutex(State())
    private let held = Mutex<ScriptedServer?>(nil)
    private let folder: Mutex<Scratch>

    init() throws {
        folder = Mutex(try Scratch())
        let server = try ScriptedServer { [weak self] in self?.answer($0) ?? .whole(500, "") }
        held.withLock { $0 = server }
    }

    /// - Parameter node: nil: pods are looked up by their address.
    func address(node: String? = "worker-1") throws -> ClusterAddress {
        let port = held.withLock { $0?.port ?? 0 }
        let path = try folder.withLock {
            _ = try $0.write("token", Data("secret\n".utf8), mode: 0o600)
            return try $0.write(
                "config",
                Data(
                    """
                    current-context: here
                    contexts: [{name: here, context: {cluster: c, user: u}}]
                    clusters: [{name: c, cluster: {server: "http://127.0.0.1:\(port)"}}]
                    users: [{name: u, user: {tokenFile: token}}]
                    """.utf8), mode: 0o600)
        }
        return ClusterAddress(access: try KubernetesAccess(kubeconfig: path), node: node)
    }

    func put(_ path: String, _ object: Object) {
        state.withLock { Self.store(object, at: path, &$0) }
    }

    func object(_ path: String) -> Object? {
        state.withLock { $0.objects[path].flatMap(Self.parsed) }
    }

    func remove(_ path: String) { state.withLock { $0.objects[path] = nil } }

    func refuse(_ statuses: Int...) { state.withLock { $0.refusals += statuses } }

    func setBudgetSpent(_ isSpent: Bool) { state.withLock { $0.isBudgetSpent = isSpent } }

    /// The paths below a collection.
    func names(_ collection: String) -> [String] {
        state.withLock { state in
            state.objects.keys.filter { $0.hasPrefix(collection + "/") }.sorted()
        }
    }

    /// All objects but events, without what the server sets.
    var contents: [String: Data] {
        let objects = state.withLock { $0.objects.filter { !$0.key.contains("/events") } }
        return objects.compactMapValues { data in
            guard var object = Self.parsed(data) else { return nil }
            var metadata = object["metadata"] as? Object ?? [:]
            for key in ["uid", "resourceVersion"] { metadata[key] = nil }
            object["metadata"] = metadata
            return try? JSONSerialization.data(withJSONObject: object, options: .sortedKeys)
        }
    }

    /// The requests that change something.
    var changes: [String] {
        state.withLock { state in
            state.requests.filter { $0.method != "GET" && !$0.path.hasSuffix("/events") }
                .map { "\($0.method) \($0.path)" }
        }
    }

    private static func parsed(_ data: Data) -> Object? {
        (try? JSONSerialization.jsonObject(with: data)) as? Object
    }

    private static func store(_ object: Object, at path: String, _ state: inout State) {
        var object = object
        var metadata = object["metadata"] as? Object ?? [:]
        state.version += 1
        metadata["resourceVersion"] = "\(state.version)"
        if metadata["uid"] == nil { metadata["uid"] = "uid-\(state.version)" }
        object["metadata"] = metadata
        state.objects[path] = try? JSONSerialization.data(
            withJSONObject: object, options: .sortedKeys)
    }

    private static func whole(_ object: Object, _ status: Int = 200) -> ScriptedServer.Answer {
        let data = (try? JSONSerialization.data(withJSONObject: object)) ?? Data()
        return .whole(status, String(decoding: data, as: UTF8.self))
    }

    private static func refusal(_ status: Int, _ message: String) -> ScriptedServer.Answer {
        whole(["kind": "Status", "status": "Failure", "message": message, "code": status], status)
    }

    private func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        guard request.head.contains("Authorization: Bearer secret") else {
            return Self.refusal(401, "Unauthorized")
        }
        let path = String(request.target.prefix { $0 != "?" })
        let body = Self.parsed(Data(request.body.utf8)) ?? [:]
        return state.withLock { state in
            state.requests.append((request.method, path, request.body))
            let isEvent = path.hasSuffix("/events")
            if request.method != "GET", !isEvent, !state.refusals.isEmpty {
                return Self.refusal(state.refusals.removeFirst(), "not now")
            }
            switch request.method {
            case "GET": return Self.read(path, request.target, state)
            case "POST": return Self.create(path, body, &state)
            case "PATCH":
                guard request.head.contains("application/merge-patch+json") else {
                    return Self.refusal(415, "unsupported media type")
                }
                return Self.patch(path, body, &state)
            case "DELETE":
                guard let object = state.objects[path].flatMap(Self.parsed) else {
                    return Self.refusal(404, "not found")
                }
                guard Self.precondition(body["preconditions"] as? Object, object) else {
                    return Self.refusal(409, "the UID in the precondition does not match")
                }
                state.objects[path] = nil
                return Self.whole([:])
            default: return Self.refusal(405, "method not allowed")
            }
        }
    }

    private static func precondition(_ wanted: Object?, _ object: Object) -> Bool {
        guard let uid = wanted?["uid"] as? String else { return true }
        return (object["metadata"] as? Object)?["uid"] as? String == uid
    }

    private static func read(
        _ path: String, _ target: String, _ state: State
    ) -> ScriptedServer.Answer {
        if let data = state.objects[path] {
            return .whole(200, String(decoding: data, as: UTF8.self))
        }
        if path.hasSuffix("/scale"),
            let object = state.objects[String(path.dropLast(6))].flatMap(parsed)
        {
            return whole(["spec": ["replicas": (object["spec"] as? Object)?["replicas"] ?? 0]])
        }
        let kind = String(path.split(separator: "/").last ?? "")
        guard ["pods", "services", "daemonsets"].contains(kind) else {
            return refusal(404, "not found")
        }
        var items = state.objects.filter { one in
            one.key.split(separator: "/").dropLast().last.map(String.init) == kind
                && (!path.contains("/namespaces/") || one.key.hasPrefix(path + "/"))
        }.sorted { $0.key < $1.key }.compactMap { parsed($0.value) }
        if let range = target.range(of: "spec.nodeName%3D") {
            let node = String(target[range.upperBound...])
            items = items.filter { ($0["spec"] as? Object)?["nodeName"] as? String == node }
        }
        if let range = target.range(of: "status.podIP%3D") {
            let address = String(target[range.upperBound...]).replacing("%3A", with: ":")
            items = items.filter { ($0["status"] as? Object)?["podIP"] as? String == address }
        }
        return whole(["items": items])
    }

    private static func create(
        _ path: String, _ body: Object, _ state: inout State
    ) -> ScriptedServer.Answer {
        if path.hasSuffix("/eviction") {
            let pod = String(path.dropLast("/eviction".count))
            guard let object = state.objects[pod].flatMap(parsed) else {
                return refusal(404, "not found")
            }
            let options = body["deleteOptions"] as? Object
            guard precondition(options?["preconditions"] as? Object, object) else {
                return refusal(409, "the UID in the precondition does not match")
            }
            if state.isBudgetSpent {
                return refusal(429, "would violate the pod's disruption budget")
            }
            state.objects[pod] = nil
            return whole([:], 201)
        }
        let metadata = body["metadata"] as? Object
        let name =
            metadata?["name"] as? String
            ?? (metadata?["generateName"] as? String).map { "\($0)\(state.version)" } ?? ""
        guard state.objects["\(path)/\(name)"] == nil else {
            return refusal(409, "\(name) already exists")
        }
        store(body, at: "\(path)/\(name)", &state)
        return whole(body, 201)
    }

    private static func patch(
        _ path: String, _ body: Object, _ state: inout State
    ) -> ScriptedServer.Answer {
        let isScale = path.hasSuffix("/scale")
        let place = isScale ? String(path.dropLast(6)) : path
        guard let object = state.objects[place].flatMap(parsed) else {
            return refusal(404, "not found")
        }
        let present = object["metadata"] as? Object
        for key in ["uid", "resourceVersion"] {
            guard let wanted = (body["metadata"] as? Object)?[key] as? String else { continue }
            guard present?[key] as? String == wanted else {
                return refusal(409, "the object has been modified")
            }
        }
        let merged = merge(object, body)
        store(merged, at: place, &state)
        return whole(merged)
    }

    /// RFC 7386.
    private static func merge(_ object: Object, _ change: Object) -> Object {
        var merged = object
        for (key, value) in change {
            if value is NSNull {
                merged[key] = nil
            } else if let inner = value as? Object {
                merged[key] = merge(merged[key] as? Object ?? [:], inner)
            } else {
                merged[key] = value
            }
        }
        return merged
    }
}
