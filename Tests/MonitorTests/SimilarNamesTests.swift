import Testing

@testable import Monitor

struct SimilarNamesTests {
    private let known = ["web", "web-api", "shop/database", "worker", "client", "mail"]

    @Test(arguments: [
        ("wbe", ["web"]), ("Web", ["web", "web-api"]), ("database", ["shop/database"]),
        ("wroker", ["worker"]), ("workerz", ["worker"]), ("cleint", ["client"]),
        ("shop/databse", ["shop/database"]), ("xyz", []), ("", []), ("ma", []),
        (String(repeating: "w", count: 65), []),
    ])
    func namesAreFound(_ typed: String, _ found: [String]) {
        #expect(SimilarNames.names(like: typed, in: known) == found)
    }

    /// A name that somebody else has chosen may be as long as it wants.
    @Test func longNamesAreNotCompared() {
        let long = String(repeating: "web", count: 100_000)
        #expect(SimilarNames.names(like: "wbe", in: [long, "web"]) == ["web"])
    }

    @Test func threeAtMost() {
        let names = (0..<9).map { "web-\($0)" }
        #expect(SimilarNames.names(like: "web", in: names) == ["web-0", "web-1", "web-2"])
    }
}
