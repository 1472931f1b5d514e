/// Finds the handler of a request. It is a plain value that can be used without a server.
///
/// `Context` is what `admit` returns for the client.
package struct Router<Context: Sendable>: Sendable {
    package struct Route: Sendable {
        var method: Method
        var path: [String]
        var answer: @Sendable (Request, Context) async throws -> Response

        /// - Parameter path: such as `/events/:id`; a segment with a colon matches any segment; its
        ///   value is stored by name in `Request.parameters`.
        package init(
            _ method: Method, _ path: String,
            answer: @escaping @Sendable (Request, Context) async throws -> Response
        ) {
            self.method = method
            self.path = path.split(separator: "/").map(String.init)
            self.answer = answer
        }

        /// The values of the named segments; nil if the path does not match.
        func parameters(of path: [String]) -> [String: String]? {
            guard path.count == self.path.count else { return nil }
            var parameters: [String: String] = [:]
            for (pattern, segment) in zip(self.path, path) {
                if pattern.first == ":" {
                    parameters[String(pattern.dropFirst())] = segment
                } else if pattern != segment {
                    return nil
                }
            }
            return parameters
        }
    }

    private let routes: [Route]
    private let admit: @Sendable (Request) throws -> Context
    private let problem: @Sendable (any Error) -> ProblemDetails

    /// - Parameters:
    ///   - routes: the first that matches answers. HEAD uses the route for GET.
    ///   - admit: authenticates the client, or throws a `ProblemDetails`; it is called first.
    ///   - problem: converts an error that is no `ProblemDetails` for the client.
    package init(
        _ routes: [Route], admit: @escaping @Sendable (Request) throws -> Context,
        problem: @escaping @Sendable (any Error) -> ProblemDetails
    ) {
        self.routes = routes
        self.admit = admit
        self.problem = problem
    }

    package func respond(to request: Request) async -> Response {
        do {
            let context = try admit(request)
            var request = request
            let route = try find(&request)
            return try await route.answer(request, context)
        } catch let problem as ProblemDetails {
            return problem.response
        } catch {
            return self.problem(error).response
        }
    }

    private func find(_ request: inout Request) throws(ProblemDetails) -> Route {
        let wanted = request.method == .head ? .get : request.method
        var allowed: [String] = []
        for route in routes {
            guard let parameters = route.parameters(of: request.path) else { continue }
            guard route.method == wanted else {
                allowed.append(route.method.name)
                if route.method == .get { allowed.append(Method.head.name) }
                continue
            }
            request.parameters = parameters
            return route
        }
        let path = "/" + request.path.joined(separator: "/")
        guard !allowed.isEmpty else { throw ProblemDetails(.notFound, "there is no \(path)") }
        let allow = allowed.joined(separator: ", ")
        throw ProblemDetails(.methodNotAllowed, "\(path) takes \(allow)", headers: ["Allow": allow])
    }
}
