internal import FoundationEssentials

/// Why a request failed; sent to the client as problem details (RFC 9457).
package struct ProblemDetails: Error, Sendable {
    package var status: Status
    package var detail: String
    /// The invalid parameter or member of the request; sent as an extension member of the answer.
    package var parameter: String?
    /// Additional header fields, such as Allow.
    package var headers: Headers

    package init(
        _ status: Status, _ detail: String, parameter: String? = nil, headers: Headers = [:]
    ) {
        self.status = status
        self.detail = detail
        self.parameter = parameter
        self.headers = headers
    }

    package var response: Response {
        struct Details: Encodable {
            var title: String
            var status: Int
            var detail: String
            var parameter: String?
        }
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Encoding plain members cannot fail.
        let details = try? encoder.encode(
            Details(
                title: status.reason, status: status.code, detail: detail, parameter: parameter))
        var response = Response(
            status, type: "application/problem+json", body: .bytes(Array(details ?? Data())))
        for field in headers.fields { response.headers.append(field.name, field.value) }
        return response
    }
}
