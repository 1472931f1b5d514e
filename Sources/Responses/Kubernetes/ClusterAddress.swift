internal import FoundationEssentials
internal import HTTPClient
public import Workloads

/// The API of the cluster that this node belongs to.
public struct ClusterAddress: Sendable {
    package let access: KubernetesAccess
    /// The node's name; nil: pods are looked up by their first address.
    package let node: String?

    public init(access: KubernetesAccess, node: String?) {
        self.access = access
        self.node = node
    }
}

/// Changes of a cluster's objects.
struct ClusterConnection: Sendable {
    private let api: APIConnection

    init(access: KubernetesAccess) {
        api = APIConnection(
            base: access.server, tls: access.tls, headers: { access.headers() },
            name: access.server)
    }

    /// - Throws: `.gone` if the object does not exist; `.failed` for other refusals and without an
    ///   answer.
    func get<T: Decodable>(_ type: T.Type, _ path: String) async throws(ResponseError) -> T {
        try await api.get(type, path)
    }

    /// The same; nil if the object does not exist.
    func find<T: Decodable>(_ type: T.Type, _ path: String) async throws(ResponseError) -> T? {
        do throws(ResponseError) { return try await api.get(type, path) } catch {
            if case .gone = error { return nil }
            throw error
        }
    }

    /// Changes an object.
    ///
    /// - Parameter change: a merge patch (RFC 7386), with the object's `uid`: the API refuses it
    ///   for another object of that name.
    func patch(_ path: String, _ change: JSONValue) async throws(ResponseError) {
        try await api.send(
            "PATCH", path, body: change.text, content: "application/merge-patch+json")
    }

    /// Creates an object.
    ///
    /// - Returns: false if there is one of that name.
    @discardableResult
    func create(_ path: String, _ object: JSONValue) async throws(ResponseError) -> Bool {
        try await api.exchange("POST", path, body: object.text, accepting: [409]).status != 409
    }

    /// Deletes an object, if it is still the one with `uid`; one that is gone is no error.
    func delete(_ path: String, uid: String) async throws(ResponseError) {
        let options: JSONValue = .object(["preconditions": .object(["uid": .text(uid)])])
        // Of another object with this name, nothing is to be undone.
        try await api.send("DELETE", path, body: options.text, accepting: [404, 409])
    }
}

/// A value of JSON that is sent, or kept to be sent again.
indirect enum JSONValue: LedgerPlan, Equatable {
    case text(String)
    case number(Int64)
    case flag(Bool)
    case null
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .null
        } else if let value = try? container.decode(Bool.self) {
            self = .flag(value)
        } else if let value = try? container.decode(Int64.self) {
            self = .number(value)
        } else if let value = try? container.decode(String.self) {
            self = .text(value)
        } else if let value = try? container.decode([JSONValue].self) {
            self = .list(value)
        } else {
            self = .object(try container.decode([String: JSONValue].self))
        }
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        switch self {
        case .text(let value): try container.encode(value)
        case .number(let value): try container.encode(value)
        case .flag(let value): try container.encode(value)
        case .null: try container.encodeNil()
        case .list(let values): try container.encode(values)
        case .object(let values): try container.encode(values)
        }
    }

    subscript(key: String) -> JSONValue? {
        if case .object(let values) = self { values[key] } else { nil }
    }
}
