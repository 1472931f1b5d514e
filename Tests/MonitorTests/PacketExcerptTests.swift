import Foundation
import NetworkAddresses
import TestKit
import Testing
import Timestamps

@testable import Recording

/// The packets of one host in a recording.
struct PacketExcerptTests {
    /// Ethernet frames with and without a tag, and an older file without Ethernet headers.
    @Test func packetsOfEveryLinkTypeAreFound() throws {
        let scratch = try Scratch()
        let start = Timestamp(second: 1_795_223_700)
        func packet(_ source: String) -> [UInt8] {
            Frame.ipv4(source, "10.0.0.2", 17, Frame.udp(5000, 53, [1]))
        }
        func file(_ name: String, link: UInt32, _ frames: [[UInt8]]) throws {
            let records = frames.map { CaptureFile.Record(start, $0) }
            try scratch.write(name, Data(CaptureFile.pcap(records, linkType: link)))
        }
        let cards = [UInt8](repeating: 2, count: 12)
        let tag: [UInt8] = [0x81, 0, 0, 7]
        try file(
            "rec", link: 1,
            [
                cards + [8, 0] + packet("10.0.0.1"), cards + tag + [8, 0] + packet("10.0.0.1"),
                cards + [8, 0] + packet("10.0.0.3"),
            ])
        try file("rec.1", link: 101, [packet("10.0.0.1"), packet("10.0.0.3")])
        var options = RecordingOptions()
        options.path = scratch.path("rec")
        let excerpt = try PacketExcerpt(
            of: try #require(IPAddress("10.0.0.1")), from: start - .seconds(9),
            to: start + .seconds(9), in: options, limit: 1 << 20)
        #expect(excerpt.packets == 3 && excerpt.leftOut == 0)
    }
}
