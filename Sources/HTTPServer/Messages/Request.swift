/// The method of a request (RFC 9110, section 9).
package struct Method: Hashable, Sendable {
    package let name: String

    package init(_ name: String) { self.name = name }

    package static let get = Method("GET")
    package static let head = Method("HEAD")
    package static let post = Method("POST")
    package static let put = Method("PUT")
    package static let patch = Method("PATCH")
    package static let delete = Method("DELETE")
}

/// The process at the other end of a Unix socket, as the kernel reports it (SO_PEERCRED, unix(7)).
package struct Peer: Equatable, Sendable {
    package var pid: Int32
    package var uid: UInt32
    package var gid: UInt32

    package init(pid: Int32, uid: UInt32, gid: UInt32) {
        self.pid = pid
        self.uid = uid
        self.gid = gid
    }
}

/// A complete request.
package struct Request: Sendable {
    package var method: Method
    /// The segments of the path, percent-decoded; none of them is empty.
    package var path: [String]
    /// The parameters of the query, percent-decoded; of those with the same name, the first.
    package var query: [String: String]
    /// The requested host and port, from the target or the Host field; nil without.
    package var authority: String?
    package var headers: Headers
    package var body: [UInt8]
    /// The client's process; nil unless the request came by a Unix socket.
    package var peer: Peer?
    /// The user who sent the request, by a Unix socket or on loopback; nil where it is unknown.
    package var user: UInt32?
    /// The values of the route's named segments.
    package internal(set) var parameters: [String: String] = [:]

    /// - Parameter target: path and query as in a request's line, or a whole URL.
    /// - Throws: `ProblemDetails` 400 if the target is malformed.
    package init(
        _ method: Method, _ target: String, headers: Headers = [:], body: [UInt8] = [],
        peer: Peer? = nil, user: UInt32? = nil
    ) throws(ProblemDetails) {
        let target = try Target(target)
        self.method = method
        self.path = target.path
        self.query = target.query
        self.authority = target.authority ?? headers["Host"]
        self.headers = headers
        self.body = body
        self.peer = peer
        self.user = user ?? peer?.uid
    }
}

/// The target of a request (RFC 9112, section 3.2): `/path?query`, or the same after `http://host`.
private struct Target {
    var authority: String?
    var path: [String]
    var query: [String: String] = [:]

    init(_ text: String) throws(ProblemDetails) {
        var rest = Substring(text)
        if let scheme = ["http://", "https://"].first(where: { text.lowercased().hasPrefix($0) }) {
            rest = rest.dropFirst(scheme.count)
            let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
            authority = String(rest[..<end])
            rest = rest[end...]
            if rest.first != "/" { rest = "/" + rest }
        }
        guard rest.first == "/", rest.utf8.allSatisfy({ 0x21...0x7E ~= $0 }) else {
            throw ProblemDetails(.badRequest, "the target must be a path of printable ASCII")
        }
        let parts = rest.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        path = []
        for segment in parts[0].split(separator: "/") { path.append(try Self.decoded(segment)) }
        guard parts.count == 2 else { return }
        for member in parts[1].split(separator: "&") {
            let pair = member.split(
                separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let name = try Self.decoded(pair[0])
            if query[name] == nil { query[name] = try Self.decoded(pair.count == 2 ? pair[1] : "") }
        }
    }

    /// Replaces `%41` by `A` (RFC 3986, section 2.1).
    private static func decoded(_ text: Substring) throws(ProblemDetails) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            guard let high = rest.popFirst()?.hexadecimal, let low = rest.popFirst()?.hexadecimal
            else {
                throw ProblemDetails(.badRequest, "'%' must come before two hexadecimal digits")
            }
            bytes.append(high << 4 | low)
        }
        guard let text = String(validating: bytes, as: UTF8.self), !text.utf8.contains(0) else {
            throw ProblemDetails(.badRequest, "the target is no UTF-8")
        }
        return text
    }
}

extension UInt8 {
    /// The value of a hexadecimal digit.
    fileprivate var hexadecimal: UInt8? {
        switch self {
        case UInt8(ascii: "0")...UInt8(ascii: "9"): self - UInt8(ascii: "0")
        case UInt8(ascii: "a")...UInt8(ascii: "f"): self - UInt8(ascii: "a") + 10
        case UInt8(ascii: "A")...UInt8(ascii: "F"): self - UInt8(ascii: "A") + 10
        default: nil
        }
    }
}
