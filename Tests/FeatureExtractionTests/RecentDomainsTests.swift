import Testing

@testable import FeatureExtraction

struct RecentDomainsTests {
    /// Whether the names below these domains are few, one after the other.
    private func few(
        _ questions: [(domain: UInt32, isNew: Bool)], in domains: inout RecentDomains
    ) -> [Bool] {
        questions.map { domains.areFew(below: $0.domain, isNew: $0.isNew) }
    }

    @Test func theFirstTwoNamesOfADomainAreFew() {
        var domains = RecentDomains()
        let results = few([(7, true), (7, true), (7, true), (7, false), (8, true)], in: &domains)
        #expect(results == [true, true, false, false, true])
    }

    @Test func aNameThatIsAskedForAgainIsOne() {
        var domains = RecentDomains()
        let again = [(domain: UInt32(7), isNew: false)]
        let results = few(
            again + again + [(7, true)] + again + [(7, true)] + again + [(7, true)], in: &domains)
        #expect(results == [true, true, true, true, true, true, false])
    }

    /// 64 domains are remembered.
    @Test func theOldestDomainIsReplaced() {
        var domains = RecentDomains()
        for domain in UInt32(1)...64 {
            _ = few([(domain, true), (domain, true), (domain, true)], in: &domains)
        }
        let results = few([(1, true), (65, true), (1, true), (3, true)], in: &domains)
        #expect(results == [false, true, true, false])
    }

    @Test func zeroIsADomain() {
        var domains = RecentDomains()
        let results = few([(0, true), (0, true), (0, true)], in: &domains)
        #expect(results == [true, true, false])
    }
}
