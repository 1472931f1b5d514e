internal import FoundationEssentials
internal import HTTPClient
public import Workloads

/// The API of the cluster that this node belongs to.
public struct ClusterAddress: Sendable {
    let access: KubernetesAccess
    /// The node's name; nil: pods are looked up by their first address.
    let node: String?

    public init(access: KubernetesAccess, node: String?) {
        self.access = access
        self.node = node
    }
}

/// Requests to the API of a cluster, each with a time limit and a bounded answer.
struct ClusterConnection: Sendable {
    let access: KubernetesAccess

    private static let answerLimit = 16 << 20
    private static let seconds: Int64 = 10

    /// The type of a change to an object.
    private static let patch = "application/merge-patch+json"

    /// - Throws: `.gone` if the object does not exist; `.failed` for other refusals and without an
    ///   answer.
    func get<T: Decodable>(_ type: T.Type, _ path: String) async throws(ResponseError) -> T {
        let bytes = try await send("GET", path)
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
            throw .failed("\(access.server)\(path.prefix(200)): the answer is not as expected")
        }
    }

    /// The same; nil if the object does not exist.
    func find<T: Decodable>(_ type: T.Type, _ path: String) async throws(ResponseError) -> T? {
        do throws(ResponseError) { return try await get(type, path) } catch {
            if case .gone = error { return nil }
            throw error
        }
    }

    /// Changes an object.
    ///
    /// - Parameter change: a merge patch (RFC 7386), with the object's `uid`: the API refuses it
    ///   for another object of that name.
    func patch(_ path: String, _ change: JSONValue) async throws(ResponseError) {
        try await send("PATCH", path, change, content: Self.patch)
    }

    /// Creates an object.
    ///
    /// - Returns: false if there is one of that name.
    @discardableResult
    func create(_ path: String, _ object: JSONValue) async throws(ResponseError) -> Bool {
        let answer = try await exchange("POST", path, object, content: "application/json")
        if answer.status == 409 { return false }
        try check(answer, "POST", path)
        return true
    }

    /// Deletes an object, if it is still the one with `uid`; one that is gone is no error.
    func delete(_ path: String, uid: String) async throws(ResponseError) {
        let options: JSONValue = .object(["preconditions": .object(["uid": .text(uid)])])
        let answer = try await exchange("DELETE", path, options, content: "application/json")
        // Of another object with this name, nothing is to be undone.
        if answer.status == 404 || answer.status == 409 { return }
        try check(answer, "DELETE", path)
    }

    @discardableResult
    private func send(
        _ method: String, _ path: String, _ body: JSONValue? = nil, content: String = ""
    ) async throws(ResponseError) -> [UInt8] {
        let answer = try await exchange(method, path, body, content: content)
        try check(answer, method, path)
        return answer.body
    }

    private func check(
        _ answer: (status: Int, body: [UInt8]), _ method: String, _ path: String
    ) throws(ResponseError) {
        if (200..<300).contains(answer.status) { return }
        let reason =
            answer.body.count < 65_536
            ? try? JSONDecoder().decode(Refusal.self, from: Data(answer.body)).message : nil
        let text = reason.map { ": " + EngineConnection.clean($0, limit: 300) } ?? ""
        let why = "\(method) \(access.server)\(path.prefix(200)): status \(answer.status)\(text)"
        throw answer.status == 404 ? .gone(why) : .failed(why)
    }

    private struct Refusal: Decodable {
        var message: String?
    }

    private func exchange(
        _ method: String, _ path: String, _ body: JSONValue?, content: String
    ) async throws(ResponseError) -> (status: Int, body: [UInt8]) {
        var request = HTTPRequest(url: access.server + path)
        request.method = method
        request.tls = access.tls
        request.headers = access.headers() + [("Accept", "application/json")]
        request.timeout = .seconds(Self.seconds)
        if let body {
            request.body = Array(body.text.utf8)
            request.headers.append(("Content-Type", content))
        }
        do { return try await request.answer(upTo: Self.answerLimit) } catch {
            throw .failed("\(method) \(access.server)\(path.prefix(200)): \(error)")
        }
    }
}

/// A value of JSON that is sent, or kept to be sent again.
indirect enum JSONValue: Codable, Equatable, Sendable {
    case text(String)
    case number(Int64)
    case flag(Bool)
    case none
    case list([JSONValue])
    case object([String: JSONValue])

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if container.decodeNil() {
            self = .none
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
        case .none: try container.encodeNil()
        case .list(let values): try container.encode(values)
        case .object(let values): try container.encode(values)
        }
    }

    /// As JSON, with sorted keys.
    var text: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return (try? encoder.encode(self)).map { String(decoding: $0, as: UTF8.self) } ?? ""
    }

    subscript(key: String) -> JSONValue? {
        if case .object(let values) = self { values[key] } else { nil }
    }
}
