import FeatureExtraction
import HTMLReport
import NetworkAddresses
import Testing

@testable import Offline

/// Windows that are kept until all were seen.
struct HostRankingTests {
    /// The table and the page of a ranking that keeps at most so many windows.
    private func ranked(_ capture: String, windowLimit: Int) throws -> (String, String) {
        var ranking = HostRanking(paths: [capture])
        ranking.windowLimit = windowLimit
        let record = ReplayReportData(model: nil, inventory: nil)
        let outcome = try ranking.run(record: record)
        let page = try #require(outcome.report)
        return (RankingReport.table(outcome, limit: .max), page.render())
    }

    /// Without room for all windows, captures are read twice.
    @Test func aRankingWithoutRoomForTheWindowsIsTheSame() throws {
        let whole = try ranked("captures/mixed.pcap", windowLimit: 100_000)
        #expect(whole.0.contains("#20") && whole.1.contains("<html"))
        for limit in [0, 1, 8000] {
            #expect(try ranked("captures/mixed.pcap", windowLimit: limit) == whole)
        }
    }

    @Test func windowsBeyondTheLimitAreNotKept() {
        let window = Window(
            subject: IPAddress(v4: 1), scale: .short, endSecond: 9,
            values: [Float](repeating: 0, count: Feature.count))
        let limit = KeptWindows.partSize + 2
        var kept = KeptWindows(limit: limit)
        for _ in 0..<limit { kept.append(window) }
        #expect(kept.isComplete && kept.parts.map(\.count) == [KeptWindows.partSize, 2])
        kept.append(window)
        #expect(!kept.isComplete && kept.parts.isEmpty)
        kept.append(window)
        #expect(!kept.isComplete && kept.parts.isEmpty)
    }
}
