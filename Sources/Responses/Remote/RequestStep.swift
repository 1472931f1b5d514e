internal import FoundationEssentials
internal import HTTPClient
internal import Timestamps

/// One HTTP request of a `request` entry, with variables.
public struct RequestStep: Sendable, Equatable, Codable {
    /// GET, POST, PUT, PATCH or DELETE.
    public var method = "GET"
    public var url = ""
    /// Nil: none.
    public var body: String?
    /// For `verify`: it is in effect if the answer contains this.
    public var contains: String?

    public init() {}

    static let methods = ["GET", "POST", "PUT", "PATCH", "DELETE"]

    var texts: [String] { [url, body ?? "", contains ?? ""] }

    /// Why the URL cannot be used; nil if it can.
    var fault: String? {
        guard Self.methods.contains(method) else {
            return "the method '\(method)' is none of \(Self.methods.joined(separator: ", "))"
        }
        let head = url.prefix { $0 != "{" }
        let parts = head.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        guard parts.count == 4, ["http:", "https:"].contains(parts[0]), parts[1].isEmpty,
            !parts[2].isEmpty, !parts[2].contains("@")
        else {
            return
                "a URL is https://HOST/PATH, without user and password; variables come after the "
                + "host"
        }
        let host = Self.host(in: parts[2])
        guard parts[0] == "https:" || HTTPRequest.isLoopback(host) else {
            return "a URL must be https, unless its host is 127.0.0.1, [::1] or localhost"
        }
        return nil
    }

    /// The host without its port.
    private static func host(in place: Substring) -> Substring {
        if place.hasPrefix("["), let end = place.firstIndex(of: "]") { return place[...end] }
        return place.prefix { $0 != ":" }
    }

    /// The URL without what may be secret.
    public var masked: RequestStep {
        var shown = self
        let parts = url.split(separator: "/", maxSplits: 3, omittingEmptySubsequences: false)
        if parts.count > 3 { shown.url = parts[..<3].joined(separator: "/") + "/***" }
        if body != nil { shown.body = "***" }
        return shown
    }

    func filled(
        _ values: [String: String], _ escaping: ResponseTemplate.Escaping
    ) -> RequestStep {
        var result = self
        result.url = ResponseTemplate.fill(url, values, .url)
        result.body = body.map { ResponseTemplate.fill($0, values, escaping) }
        result.contains = contains.map { ResponseTemplate.fill($0, values, .json) }
        return result
    }
}

/// The type of a request's body, which decides how values are escaped.
public enum RequestContent: String, CaseIterable, Sendable, Codable {
    case json, form, text

    var escaping: ResponseTemplate.Escaping {
        switch self {
        case .json: .json
        case .form: .url
        case .text: .text
        }
    }

    var name: String {
        switch self {
        case .json: "application/json"
        case .form: "application/x-www-form-urlencoded"
        case .text: "text/plain"
        }
    }
}

/// A `request` response with its variables filled in, as the ledger keeps it. The headers, which
/// may be secret, stay in their file.
struct RequestPlan: LedgerPlan, Equatable {
    var apply: RequestStep
    var verify: RequestStep?
    /// The variable `captured` is filled in when it is sent.
    var undo: RequestStep
    var content: RequestContent
    var headersFile: String?
    var authoritiesFile: String?
    var seconds: Int64
    var capture: String?
    var captured: String?

    init?(_ entry: ResponseEntry, _ values: [String: String]) {
        guard let apply = entry.apply, let undo = entry.undo else { return nil }
        let content = entry.content ?? .json
        self.apply = apply.filled(values, content.escaping)
        verify = entry.verify?.filled(values, content.escaping)
        // What is captured is known later: its braces stay as they are.
        self.undo = undo
        self.undo.url = Self.fill(undo.url, values, .url)
        self.undo.body = undo.body.map { Self.fill($0, values, content.escaping) }
        self.content = content
        headersFile = entry.headersFile
        authoritiesFile = entry.authoritiesFile
        seconds = Int64((entry.timeout ?? .seconds(10)).wholeSeconds)
        capture = entry.capture
    }

    /// Fills in everything but `captured`. A value with braces is not taken for a variable later:
    /// they are escaped in URLs, and no value of a body may contain them.
    private static func fill(
        _ text: String, _ values: [String: String], _ escaping: ResponseTemplate.Escaping
    ) -> String {
        var values = values.mapValues { value in
            value.replacing("{{", with: "( (").replacing("}}", with: ") )")
        }
        let mark = "\u{1}"
        values[ResponseTemplate.captured] = mark
        return ResponseTemplate.fill(text, values, escaping)
            .replacing(ResponseTemplate.escape(mark, escaping), with: "{{captured}}")
    }
}
