internal import FoundationEssentials
internal import HTTPClient
internal import SystemSupport

/// A container engine of this node.
public struct EngineAddress: Hashable, Sendable {
    /// `docker` or `podman`.
    public var name: String
    /// The path of its Unix socket.
    public var path: String
    /// Whether the configuration names it; otherwise it is used if it is there.
    public var isNamed: Bool

    public init(name: String, path: String, isNamed: Bool) {
        self.name = name
        self.path = path
        self.isNamed = isNamed
    }

    /// Whether it can be asked: an engine that nobody named need not exist.
    var isExpected: Bool { isNamed || Files.exists(path) }
}

/// Requests to an engine, each with a time limit and a bounded answer.
struct EngineConnection: Sendable {
    let path: String

    /// The greatest number of bytes of an answer.
    private static let answerLimit = 16 << 20

    /// Asks for one object.
    ///
    /// - Throws: `.gone` if the engine does not know it.
    func get<T: Decodable>(
        _ type: T.Type, _ resource: String, seconds: Int64 = 10
    ) async throws(ResponseError) -> T {
        let bytes = try await send("GET", resource, seconds: seconds)
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
            throw .failed("\(path): \(resource.prefix(200)): the answer is not as expected")
        }
    }

    /// Sends a request.
    ///
    /// - Parameter accepted: statuses besides 2xx that mean that it is done already.
    /// - Throws: `.gone` for 404; `.failed` for other refusals and without an answer.
    @discardableResult
    func send(
        _ method: String, _ resource: String, body: String? = nil, seconds: Int64 = 10,
        accepting accepted: Set<Int> = []
    ) async throws(ResponseError) -> [UInt8] {
        var request = HTTPRequest(url: "http://lazaret" + resource, socket: path)
        request.timeout = .seconds(seconds)
        request.method = method
        if method != "GET" {
            request.body = Array((body ?? "").utf8)
            if body != nil { request.headers = [("Content-Type", "application/json")] }
        }
        let answer: (status: Int, body: [UInt8])
        do { answer = try await request.answer(upTo: Self.answerLimit) } catch {
            throw .failed("\(path): \(error)")
        }
        if (200..<300).contains(answer.status) || accepted.contains(answer.status) {
            return answer.body
        }
        let why = "\(path): status \(answer.status)\(Self.message(in: answer.body))"
        throw answer.status == 404 ? .gone(why) : .failed(why)
    }

    private struct Message: Decodable {
        var message: String?
    }

    private static func message(in body: [UInt8]) -> String {
        guard body.count < 65_536,
            let text = try? JSONDecoder().decode(Message.self, from: Data(body)).message
        else { return "" }
        return ": " + clean(text)
    }

    /// Text of an engine for a log line and the audit trail.
    static func clean(_ text: String, limit: Int = 200) -> String {
        String(
            text.unicodeScalars.prefix(limit).map {
                $0.value < 0x20 || $0.value >= 0x7F ? "?" : Character($0)
            })
    }

    /// Whether `text` is a name as engines allow it, which needs no escape in a URL.
    static func isName(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text.utf8.first != 0x2E && text.utf8.first != 0x2D
            && text.utf8.allSatisfy {
                $0 >= 0x30 && $0 <= 0x39 || $0 >= 0x41 && $0 <= 0x5A || $0 >= 0x61 && $0 <= 0x7A
                    || $0 == 0x5F || $0 == 0x2E || $0 == 0x2D
            }
    }

    /// Whether `text` can be an engine's identifier of a container or network.
    static func isIdentifier(_ text: String) -> Bool {
        (12...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 || $0 >= 0x61 && $0 <= 0x66 }
    }
}
