import FeatureExtraction
import NetworkAddresses
import Testing
import Workloads

@testable import AttackPatterns

/// Guessing is named by logins that fail, and not by a rate.
struct GuessingPatternTests {
    private static let identities = IdentityMap(inventory: .empty)
    private static let inside = identities.identity(of: IPAddress(v4: 0x0A00_0001))
    private static let outside = identities.identity(of: IPAddress(v4: 0xCB00_7109))

    /// - Parameters:
    ///   - unread: logins whose outcome is not known.
    ///   - flows: connections to one service.
    private func window(
        refused: Int = 0, granted: Int = 0, unread: Int = 0, flows: Int = 0, equal: Int = 0,
        fetched: Int = 700, port: UInt16 = 8080, scale: Scale = .short,
        identity: Identity = inside
    ) -> Window {
        var raw = [Float](repeating: 0, count: Feature.count)
        raw[Feature.failedLogins.rawValue] = Float(refused + unread)
        raw[Feature.flows.rawValue] = Float(flows)
        raw[Feature.flowsPerEdge.rawValue] = Float(flows)
        raw[Feature.edges.rawValue] = 1
        raw[Feature.bytesOut.rawValue] = Float(flows * 600)
        raw[Feature.bytesIn.rawValue] = Float(flows * fetched)
        var window = Window(
            subject: IPAddress(v4: 1), scale: scale, endSecond: 1000, values: raw)
        window.identity = identity
        window.refusedLogins = refused
        window.grantedLogins = granted
        window.equalConversations = equal
        window.contact.address = IPAddress(v4: 99)
        window.contact.port = port
        window.contact.ipProtocol = 6
        window.contact.second = window.endSecond
        return window
    }

    private func strength(_ window: Window, anomalous: Bool = true) -> Float {
        guard let found = Pattern.match(window, isAnomalous: { _ in anomalous }),
            found.pattern == .guessing
        else { return 0 }
        return found.strength
    }

    @Test func refusalsAreGuessing() {
        #expect(strength(window(refused: 10, flows: 10)) == 2)
        #expect(strength(window(refused: 10, flows: 1)) == 2)
        #expect(strength(window(refused: 10, flows: 500)) >= 1)
        #expect(strength(window(refused: 3, flows: 3)) == 0)
        #expect(strength(window(refused: 10, flows: 10), anomalous: false) == 0)
        #expect(Pattern.match(window(refused: 10, flows: 10))?.pattern == .guessing)
    }

    /// A ranking names guessing from fewer connections on; a client of many services, sessions of
    /// all sizes, and those that nobody accepts are none.
    @Test func aRankingNamesFewerConnections() {
        let guesses = window(unread: 9, flows: 9, equal: 7, port: 22, scale: .medium)
        #expect(Pattern.match(guesses) == nil)
        #expect(Pattern.ranked(guesses)?.pattern == .guessing)
        var others = guesses
        others.equalConversations = 4
        #expect(Pattern.ranked(others) == nil)
        others = guesses
        others.values[Feature.edges.rawValue] = 5
        #expect(Pattern.ranked(others) == nil)
        others = guesses
        others.unanswered = 5
        #expect(Pattern.ranked(others) == nil)
        #expect(
            Pattern.ranked(window(unread: 5, flows: 5, equal: 5, port: 22, scale: .medium)) == nil)
        #expect(
            Pattern.ranked(window(unread: 9, flows: 30, equal: 30, port: 22, scale: .medium)) == nil
        )
        // What is named anyway stays as strong.
        let many = window(refused: 10, flows: 10)
        #expect(Pattern.ranked(many)?.strength == Pattern.match(many)?.strength)
    }

    @Test func aRateIsNot() {
        for flows in [10, 60, 300] {
            #expect(strength(window(flows: flows, equal: flows)) == 0)
            #expect(Pattern.match(window(flows: flows, equal: flows))?.pattern != .guessing)
        }
    }

    @Test func ownLoginsExcuseSomeRefusals() {
        // Forty users, of whom a fifth mistype.
        #expect(strength(window(refused: 8, granted: 40, flows: 48)) == 0)
        #expect(strength(window(refused: 40, granted: 40, flows: 80)) == 6)
        // However many of them: at most twenty.
        #expect(strength(window(refused: 40, granted: 4000, flows: 40)) == 4)
    }

    @Test func unreadLoginsMustBeMostOfTheTraffic() {
        #expect(strength(window(unread: 10, flows: 12)) == 2)
        #expect(strength(window(unread: 10, flows: 30)) == 0)
    }

    @Test func equalConversationsFromOutside() {
        #expect(strength(window(flows: 60, equal: 55, identity: Self.outside)) == 5)
        #expect(strength(window(flows: 60, equal: 30, identity: Self.outside)) == 0)
        #expect(
            strength(window(flows: 60, equal: 60, fetched: 90_000, identity: Self.outside)) == 0)
        // Inside only to a database, and never without a baseline.
        let calls = window(flows: 60, equal: 60, port: 5432)
        #expect(strength(calls) == 5 && Pattern.match(calls)?.pattern != .guessing)
        #expect(strength(window(flows: 60, equal: 60, fetched: 2000, port: 5432)) == 0)
        #expect(strength(window(granted: 60, flows: 60, equal: 60, port: 5432)) == 0)
    }

    @Test func theServerAloneProvesNothing() {
        func doubt(_ window: Window, beyond: Set<Feature> = []) -> String? {
            Pattern.doubt(about: window) { feature, _ in beyond.contains(feature) }
        }
        let refused = window(refused: 20, flows: 20)
        #expect(doubt(refused)?.contains("usual") == true)
        #expect(doubt(refused, beyond: [.flows]) == nil)
        #expect(doubt(refused, beyond: [.packetsOut]) == nil)
        var new = refused
        new.newPairLogins = 20
        #expect(doubt(new) == nil)
        var down = refused
        down.outageCount = 15
        #expect(doubt(down, beyond: [.flows])?.contains("several") == true)
        var proxy = refused
        proxy.values[Feature.served.rawValue] = 200
        #expect(doubt(proxy, beyond: [.flows])?.contains("pass on") == true)
        #expect(doubt(window(unread: 20, flows: 20)) == nil)
        #expect(doubt(window(flows: 60, equal: 60, port: 5432))?.contains("read") == true)
    }
}
