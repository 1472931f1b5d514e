internal import FoundationEssentials
internal import HTTPClient
internal import NetworkAddresses
internal import SystemSupport

/// Sends HTTP requests to another program: a firewall at the border, for instance.
struct RequestAction: ResponseAction {
    let isRenewed = true

    /// The greatest number of bytes of an answer.
    private static let answerLimit = 1 << 20

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        try rails.check(record)
        return record.undo
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        var plan = try RequestPlan(record)
        let answer: [UInt8]
        do throws(ResponseError) { answer = try await send(plan.apply, plan) } catch {
            // It may be there already, because an earlier answer was lost.
            guard plan.verify != nil, try await verify(&plan) else { throw error }
            return plan.text
        }
        if plan.verify == nil { plan.captured = Self.value(plan.capture, in: answer) }
        if plan.verify != nil, !(try await verify(&plan)) { return plan.text }
        if let key = plan.capture, plan.captured == nil {
            throw .failed("the answer has no '\(key)' that can be captured")
        }
        return plan.text
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        var plan = try RequestPlan(record)
        return try await verify(&plan) ? .whole : .none
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        var plan = try RequestPlan(record)
        // Somebody else may have removed it, and its identifier may be another one by now.
        if plan.verify != nil, !(try await verify(&plan)) { return "it was not there any more" }
        if plan.capture != nil, plan.captured == nil {
            throw .failed("what was to be captured is unknown")
        }
        var step = plan.undo
        let values = [ResponseTemplate.captured: plan.captured ?? ""]
        step.url = ResponseTemplate.fill(step.url, values, .url)
        step.body = step.body.map { ResponseTemplate.fill($0, values, plan.content.escaping) }
        do throws(ResponseError) { _ = try await send(step, plan) } catch {
            guard plan.verify != nil, !(try await verify(&plan)) else { throw error }
            return nil
        }
        if plan.verify != nil, try await verify(&plan) {
            throw .failed("it was undone and is still there")
        }
        return nil
    }

    /// Whether it is in effect; without a request that verifies, it is assumed.
    private func verify(_ plan: inout RequestPlan) async throws(ResponseError) -> Bool {
        guard let step = plan.verify else { return true }
        let answer = try await send(step, plan)
        let text = String(decoding: answer, as: UTF8.self)
        guard text.contains(step.contains ?? "") else { return false }
        if let value = Self.value(plan.capture, in: answer) { plan.captured = value }
        return true
    }

    private func send(_ step: RequestStep, _ plan: RequestPlan) async throws(ResponseError)
        -> [UInt8]
    {
        // Foundation escapes characters that libcurl would reject.
        let url = URL(string: step.url)?.absoluteString ?? step.url
        var request = HTTPRequest(url: url)
        request.method = step.method
        request.connectTimeout = .seconds(plan.seconds)
        request.timeout = .seconds(plan.seconds)
        request.headers = [("Accept", "application/json"), ("User-Agent", "lazaret")]
        if step.method != "GET" { request.body = Array((step.body ?? "").utf8) }
        if step.body != nil { request.headers.append(("Content-Type", plan.content.name)) }
        if let path = plan.headersFile { request.headers += try HeadersFile.read(path) }
        if let path = plan.authoritiesFile {
            guard let bytes = try? InputFile.bytes(of: path, limit: 1 << 20) else {
                throw .failed("\(path): cannot be read")
            }
            request.tls.authorities = bytes
        }
        let answer: (status: Int, body: [UInt8])
        // The path and the answer may be secret.
        do { answer = try await request.answer(upTo: Self.answerLimit) } catch {
            throw .failed("\(step.method) \(step.masked.url): \(error)")
        }
        guard (200..<300).contains(answer.status) else {
            throw .failed("\(step.method) \(step.masked.url): status \(answer.status)")
        }
        return answer.body
    }

    /// The text or number at `key` in an object, or in the first object of a list.
    static func value(_ key: String?, in answer: [UInt8]) -> String? {
        guard let key else { return nil }
        let decoder = JSONDecoder()
        let data = Data(answer)
        let object =
            (try? decoder.decode([String: Loose].self, from: data))
            ?? (try? decoder.decode([[String: Loose]].self, from: data))?.first
        guard let text = object?[key]?.text, (1...256).contains(text.utf8.count),
            text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }), !text.contains("{{")
        else { return nil }
        return text
    }

    /// A text or a number.
    private struct Loose: Decodable {
        var text: String?

        init(from decoder: any Decoder) throws {
            let container = try decoder.singleValueContainer()
            if let value = try? container.decode(String.self) {
                text = value
            } else if let value = try? container.decode(Int64.self) {
                text = "\(value)"
            }
        }
    }
}

extension ResponseRails {
    /// - Throws: `.notNeeded` if the record's target is protected.
    func check(_ record: ResponseRecord) throws(ResponseError) {
        guard let prefix = IPPrefix(record.target), prefix.isHost else { return }
        if let why = objection(to: prefix.address) { throw .notNeeded(why) }
    }
}

/// A file with one header a line, which may be secret.
enum HeadersFile {
    private static let forbidden: Set<String> = [
        "host", "content-length", "transfer-encoding", "content-type", "connection", "expect",
    ]

    /// - Throws: `.failed` if it cannot be read, or others can read it. The text of the file is not
    ///   part of the error.
    static func read(_ path: String) throws(ResponseError) -> [(name: String, value: String)] {
        let bytes: [UInt8]
        do throws(SecretFault) { bytes = try Files.readSecret(path, limit: 1 << 16) } catch {
            throw .failed("\(path): \(error)")
        }
        var headers: [(name: String, value: String)] = []
        let text = String(decoding: bytes, as: UTF8.self)
        for (index, line) in text.split(
            omittingEmptySubsequences: false, whereSeparator: \.isNewline
        ).enumerated() {
            let line = line.drop { $0 == " " || $0 == "\t" }
            if line.isEmpty || line.hasPrefix("#") { continue }
            let parts = line.split(separator: ":", maxSplits: 1)
            guard parts.count == 2, !forbidden.contains(parts[0].lowercased()) else {
                throw .failed("\(path): line \(index + 1) is not 'Name: value', or not allowed")
            }
            let value = parts[1].drop { $0 == " " || $0 == "\t" }
            headers.append((String(parts[0]), String(value)))
        }
        return headers
    }
}
