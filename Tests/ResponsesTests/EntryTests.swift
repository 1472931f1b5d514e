import Testing
import Timestamps

@testable import Responses

struct EntryTests {
    @Test func aPatternCoversWorkloads() {
        for (pattern, name, isCovered) in [
            ("shop/web", "shop/web", true), ("shop/web", "shop/web2", false),
            ("shop/*", "shop/web", true), ("*", "x", true), ("*web", "shop/web", true),
            ("s*p/*b", "shop/web", true), ("s*p/*c", "shop/web", false), ("", "x", false),
            ("**", "", true), ("a*a", "a", false), ("*ab", "aab", true),
        ] {
            let entry = ResponseEntry("x", .pause, workloads: [pattern])
            #expect(entry.covers(name) == isCovered, "\(pattern) \(name)")
        }
        #expect(ResponseEntry("x", .pause).covers(nil))
        #expect(!ResponseEntry("x", .pause, workloads: ["*"]).covers(nil))
    }

    @Test func faultsOfEntriesAreNamed() {
        var graceful = ResponseEntry("b", .pause)
        graceful.grace = .seconds(3)
        let faults = ResponseEntry.faults(in: [
            ResponseEntry("a", .pause), ResponseEntry("a", .stop), ResponseEntry("", .stop),
            ResponseEntry("x y", .stop), graceful,
        ])
        #expect(faults.count == 4, "\(faults)")
        #expect(faults.contains { $0.contains("two entries have the name 'a'") })
        #expect(faults.contains { $0.contains("'grace' is for") })
        #expect(
            ResponseEntry.faults(in: [ResponseEntry("a", .pause), ResponseEntry("b", .pause)])
                .isEmpty)
    }
}
