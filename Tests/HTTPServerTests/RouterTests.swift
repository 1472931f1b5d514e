import HTTPServer
import Testing

/// Routes, called without a server.
struct RouterTests {
    private struct Fault: Error {}

    private func text(_ response: Response) -> String {
        guard case .bytes(let bytes) = response.body else { return "" }
        return String(decoding: bytes, as: UTF8.self)
    }

    private var router: Router<String> {
        Router(
            [
                .init(.get, "/") { _, who in .text("root for \(who)") },
                .init(.get, "/things/all") { _, _ in .text("all") },
                .init(.get, "/things/:id") { request, _ in
                    .text("thing \(request.parameters["id"] ?? "")")
                },
                .init(.delete, "/things/:id") { _, _ in .text("deleted") },
                .init(.get, "/query") { request, _ in
                    .text(request.query.sorted { $0.key < $1.key }.map { "\($0)=\($1)" }.joined())
                },
                .init(.get, "/fault") { _, _ in throw Fault() },
                .init(.get, "/problem") { _, _ in throw ProblemDetails(.conflict, "\"no\"\n") },
            ],
            admit: { request in
                guard let who = request.headers["x-who"] else {
                    throw ProblemDetails(.unauthorized, "say who you are")
                }
                return who
            }, problem: { ProblemDetails(.internalError, "\($0)") })
    }

    private func ask(_ method: Method, _ target: String) async throws -> Response {
        await router.respond(to: try Request(method, target, headers: ["X-Who": "me"]))
    }

    @Test(arguments: [
        ("/", "root for me"), ("", "root for me"), ("/things/all", "all"),
        ("/things/7", "thing 7"), ("/things/7/", "thing 7"), ("//things//7", "thing 7"),
        ("/things/a%2Fb%20c", "thing a/b c"), ("/things/%C3%A9", "thing é"),
        ("/things/7?x=1", "thing 7"), ("/query?a=1&b=2", "a=1b=2"),
        ("/query?a=1&a=2", "a=1"), ("/query?a", "a="), ("/query?a=", "a="),
        ("/query?a=b=c&&", "a=b=c"), ("/query?a%3D=%26+", "a==&+"), ("/query", ""),
        ("/query?", ""), ("/query?a=?", "a=?"), ("http://x/query?a=1", "a=1"),
        ("http://x?a=1", "root for me"),
    ])
    func theRouteIsFoundAndItsParametersDecoded(target: String, answer: String) async throws {
        let response = try await ask(.get, target.isEmpty ? "/" : target)
        #expect(response.status == .ok && text(response) == answer)
    }

    @Test(arguments: [
        "", "x", "*", "/%", "/%1", "/%g1", "/?a=%", "/\u{E9}", "/%C3", "/a b", "ftp://x/",
    ])
    func aMalformedTargetIsRefused(target: String) {
        #expect {
            _ = try Request(.get, target)
        } throws: { ($0 as? ProblemDetails)?.status == .badRequest }
    }

    @Test func unknownPathsAndMethodsAreReported() async throws {
        for path in ["/nothing", "/things", "/things/7/more", "/query/x"] {
            let response = try await ask(.get, path)
            #expect(response.status == .notFound)
            #expect(response.headers["content-type"] == "application/problem+json")
        }
        let response = try await ask(.post, "/things/7")
        #expect(response.status == .methodNotAllowed)
        #expect(response.headers["Allow"] == "GET, HEAD, DELETE")
        #expect(try await ask(.head, "/things/7").status == .ok)
        #expect(try await ask(Method("get"), "/things/7").status == .methodNotAllowed)
    }

    @Test func anUnauthorizedClientLearnsNothingAboutTheRoutes() async throws {
        for target in ["/", "/nothing", "/fault"] {
            let response = await router.respond(to: try Request(.get, target))
            #expect(response.status == .unauthorized)
        }
    }

    @Test func anErrorOfARouteBecomesAnAnswer() async throws {
        let problem = try await ask(.get, "/problem")
        #expect(problem.status == .conflict)
        #expect(text(problem) == #"{"detail":"\"no\"\n","status":409,"title":"Conflict"}"#)
        let fault = try await ask(.get, "/fault")
        #expect(fault.status == .internalError && text(fault).contains(#""detail":"Fault()""#))
    }
}
