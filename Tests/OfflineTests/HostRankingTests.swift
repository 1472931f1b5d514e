import FeatureExtraction
import NetworkAddresses
import SystemSupport
import Testing

@testable import Offline

/// Windows that are kept until all were seen.
struct HostRankingTests {
    /// What a ranking of a capture with 8,377 windows prints.
    private func ranked(memory: Int) throws -> String {
        var ranking = HostRanking(paths: ["captures/mixed.pcap"])
        ranking.limits.memory = memory
        return RankingReport.table(try ranking.run(), limit: .max)
    }

    /// With little memory, captures are read twice.
    @Test func aRankingWithoutRoomForTheWindowsIsTheSame() throws {
        var limits = ResourceLimits()
        limits.memory = 0
        #expect(limits.windowBytes / MemoryLayout<Window>.stride < 8_300)
        let (whole, again) = (try ranked(memory: 2 << 30), try ranked(memory: 0))
        #expect(whole == again && whole.contains("#20"), "\(whole)")
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
