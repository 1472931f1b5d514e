internal import FoundationEssentials

/// Why something was not done, which a client gets as problem details (RFC 9457).
package struct ProblemDetails: Error, Sendable {
    package var status: Status
    package var detail: String
    /// Fields beside the usual ones, such as Allow.
    package var headers: Headers

    package init(_ status: Status, _ detail: String, headers: Headers = [:]) {
        self.status = status
        self.detail = detail
        self.headers = headers
    }

    package var response: Response {
        struct Details: Encodable {
            var title: String
            var status: Int
            var detail: String
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Three plain members: encoding them cannot fail.
        let details = try? encoder.encode(
            Details(title: status.reason, status: status.code, detail: detail))
        var response = Response(
            status, type: "application/problem+json", body: .bytes(Array(details ?? Data())))
        for field in headers.fields { response.headers.append(field.name, field.value) }
        return response
    }
}
