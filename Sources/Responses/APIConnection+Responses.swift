internal import FoundationEssentials
internal import HTTPClient

/// Requests to an engine or a cluster.
extension APIConnection {
    /// Asks for one object.
    ///
    /// - Throws: `.gone` if it does not exist.
    func get<T: Decodable>(
        _ type: T.Type, _ path: String, seconds: Int64 = 10
    ) async throws(ResponseError) -> T {
        let bytes = try await send("GET", path, seconds: seconds)
        do { return try JSONDecoder().decode(type, from: Data(bytes)) } catch {
            throw .failed("\(name): \(path.prefix(200)): the answer is not as expected")
        }
    }

    /// Sends a request.
    ///
    /// - Parameter accepted: statuses besides 2xx that mean that it is done already.
    /// - Returns: the answer's body.
    /// - Throws: `.gone` for 404; `.failed` for other refusals and without an answer.
    @discardableResult
    func send(
        _ method: String, _ path: String, body: String? = nil, content: String = Self.json,
        seconds: Int64 = 10, accepting accepted: Set<Int> = []
    ) async throws(ResponseError) -> [UInt8] {
        try await exchange(
            method, path, body: body, content: content, seconds: seconds, accepting: accepted
        ).body
    }

    /// The same, with the status.
    func exchange(
        _ method: String, _ path: String, body: String?, content: String = Self.json,
        seconds: Int64 = 10, accepting accepted: Set<Int>
    ) async throws(ResponseError) -> (status: Int, body: [UInt8]) {
        let answer: (status: Int, body: [UInt8])
        do {
            answer = try await ask(method, path, body: body, content: content, seconds: seconds)
        } catch {
            throw .failed("\(name): \(method) \(path.prefix(200)): \(error)")
        }
        if (200..<300).contains(answer.status) || accepted.contains(answer.status) {
            return answer
        }
        let why =
            "\(name): \(method) \(path.prefix(200)): status \(answer.status)"
            + Self.message(in: answer.body)
        throw answer.status == 404 ? .gone(why) : .failed(why)
    }

    private struct Message: Decodable {
        var message: String?
    }

    private static func message(in body: [UInt8]) -> String {
        guard body.count < 65_536,
            let text = try? JSONDecoder().decode(Message.self, from: Data(body)).message
        else { return "" }
        return ": " + EngineConnection.clean(text)
    }
}
