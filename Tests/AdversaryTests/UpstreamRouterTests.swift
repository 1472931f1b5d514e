import Foundation
import TestKit
import Testing

/// A node behind a router with a private address.
@Suite(.serialized, .needsKernel, .timeLimit(.minutes(20)))
struct UpstreamRouterTests {
    private let lab: Lab
    private let scratch: Scratch
    private let traffic: ShopTraffic

    init() throws {
        lab = try Lab()
        scratch = try Scratch()
        traffic = try ShopTraffic(lab)
    }

    private func alerts() throws -> [[String: Any]] {
        let text = (try? String(contentsOfFile: scratch.path("eve.json"), encoding: .utf8)) ?? ""
        return try text.split(separator: "\n").compactMap {
            try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }.filter { $0["event_type"] as? String == "alert" }
    }

    /// The training saw the router as a host only: its own pings. The node's routes say that it is
    /// a router, so it is not accused of the scan that it forwards.
    @Test(.needs("tcpdump", "hping3")) func theRouterIsNotAccusedOfWhatItForwards() throws {
        let capture = scratch.path("clean.pcap")
        let recorder = try lab.node.space.start(
            "tcpdump", "-q", "-U", "-i", "uplink", "-w", capture)
        let hasTrained = eventually {
            _ = try? lab.outside.space.run(
                "hping3", "-q", "-1", "-c", "5", "-i", "u100000", "10.77.9.1")
            let size = try? FileManager.default.attributesOfItem(atPath: capture)[.size] as? Int
            return size.map { $0 > 3000 } ?? false
        }
        recorder.terminate()
        recorder.waitUntilExit()
        try #require(hasTrained)
        let model = scratch.path("uplink.model")
        let train = try Run("train", "-r", capture, "-o", model)
        try #require(train.status == 0, "\(train.errors)")

        let program = try Background(
            in: lab.node.space,
            [
                "monitor", "-i", "uplink", "-m", model, "--state", scratch.path("state"),
                "-o", scratch.path("eve.json"), "--socket", "never", "--enforce",
            ])
        let isReady = eventually { !program.isRunning || program.errors.contains("monitoring ") }
        try #require(isReady && program.isRunning, "\(program.errors)")
        let scanner = ShopTraffic.world + "120"
        let isAlerted = try eventually {
            _ = try? lab.outside.space.run(
                "timeout", "10", "hping3", "-q", "-S", "--scan", "1-300", "-a", scanner,
                "10.77.9.1")
            return try alerts().contains { $0["src_ip"] as? String == scanner }
        }
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
        #expect(isAlerted, "\(program.errors)")
        let accused = Set(try alerts().compactMap { $0["src_ip"] as? String })
        #expect(!accused.contains(lab.outside.v4), "\(accused)")
    }
}
