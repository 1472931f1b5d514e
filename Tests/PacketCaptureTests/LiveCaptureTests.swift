import CPcap
import Foundation
import PacketCapture
import TestKit
import Testing
import Timestamps

/// A pair of connected virtual interfaces, removed with the test.
private final class VirtualLink {
    let near: String
    let far: String

    init(_ name: String) {
        near = name + "a"
        far = name + "b"
        create()
    }

    deinit { remove() }

    func create() {
        _ = Self.run("link", "add", near, "type", "veth", "peer", "name", far)
        for end in [near, far] {
            // Without IPv6, only the test sends packets.
            try? "1".write(
                toFile: "/proc/sys/net/ipv6/conf/\(end)/disable_ipv6", atomically: false,
                encoding: .utf8)
            _ = Self.run("link", "set", end, "up")
        }
        // The link carries packets only some time after it is set up.
        let isUp = eventually {
            [near, far].allSatisfy { Self.output("ip", "-br", "link", "show", $0).contains(" UP ") }
        }
        #expect(isUp)
    }

    func remove() { _ = Self.run("link", "del", near) }

    @discardableResult
    static func run(_ arguments: String...) -> Bool {
        (try? Namespace.command(["ip"] + arguments)) != nil
    }

    static func output(_ words: String...) -> String { (try? Namespace.command(words)) ?? "" }

    /// Sends `count` frames into the near end; each has its number in its ports.
    func send(_ count: Int) {
        var text = [CChar](repeating: 0, count: Int(PCAP_ERRBUF_SIZE))
        guard let handle = pcap_open_live(near, 65_535, 0, 10, &text) else { return }
        defer { pcap_close(handle) }
        for number in 0..<count {
            let frame = Frame.ethernet(
                0x0800,
                Frame.ipv4(
                    "10.9.0.1", "10.9.0.2", 17,
                    Frame.udp(UInt16(number), 9, [UInt8](repeating: 7, count: number % 1400))))
            pcap_inject(handle, frame, frame.count)
        }
    }
}

/// Reads until `count` frames have arrived or the time is over; returns their source ports and wire
/// bytes.
private func collect(_ capture: LiveCapture, _ count: Int) throws -> (ports: [Int], bytes: Int) {
    var ports: [Int] = []
    var bytes = 0
    let end = ContinuousClock.now + .seconds(patience)
    while ports.count < count, ContinuousClock.now < end {
        _ = try capture.nextBatch { frames in
            for index in frames.indices {
                let frame = frames[index].bytes
                ports.append(Int(frame[34]) << 8 | Int(frame[35]))
                bytes += Int(frames[index].wireLength)
            }
        }
    }
    return (ports, bytes)
}

private func options() -> CaptureOptions {
    var options = CaptureOptions()
    options.filter = "udp port 9"
    options.direction = .incoming
    return options
}

/// Frames of 42 bytes and a payload of `number % 1400`.
private func wireBytes(_ count: Int) -> Int { (0..<count).reduce(0) { $0 + 42 + $1 % 1400 } }

/// Every test has its own network namespace; libpcap and `ip` work in that of the calling thread.
@Suite(.needsKernel)
struct LiveCaptureTests {
    @Test func allSentFramesAreCaptured() throws {
        try Namespace("capture").inside {
            let link = VirtualLink("lzv")
            let capture = try LiveCapture(interfaces: [link.far], options: options())
            link.send(5000)
            let (ports, bytes) = try collect(capture, 5000)
            #expect(ports == Array(0..<5000) && bytes == wireBytes(5000))
            #expect(capture.statistics.packets == 5000 && capture.statistics.kernelDrops == 0)
        }
    }

    @Test func aBridgeIsCapturedToo() throws {
        try Namespace("capture").inside {
            let one = VirtualLink("lzo")
            let two = VirtualLink("lzt")
            VirtualLink.run("link", "add", "lzbr", "type", "bridge")
            defer { VirtualLink.run("link", "del", "lzbr") }
            VirtualLink.run("link", "set", one.far, "master", "lzbr")
            VirtualLink.run("link", "set", two.far, "master", "lzbr")
            VirtualLink.run("link", "set", "lzbr", "up")
            let isForwarding = eventually {
                VirtualLink.output("bridge", "link").split(separator: "\n").count {
                    $0.contains(" state forwarding ")
                } == 2
            }
            #expect(isForwarding)
            let bridge = try LiveCapture(interfaces: ["lzbr", two.near], options: options())
            one.send(1000)
            let (ports, bytes) = try collect(bridge, 2000)
            #expect(ports.sorted() == (0..<2000).map { $0 / 2 } && bytes == 2 * wireBytes(1000))
        }
    }

    @Test func aFloodedInterfaceDoesNotPreventReadingTheOthers() throws {
        try Namespace("capture").inside {
            let busy = VirtualLink("lzf")
            let quiet = VirtualLink("lzq")
            for interfaces in [[busy.far, quiet.far], [quiet.far, busy.far]] {
                let capture = try LiveCapture(interfaces: interfaces, options: options())
                busy.send(4000)
                quiet.send(40)
                // Both rings contain everything before the first read: the kernel delivers a block
                // that is not full after 50 ms.
                Thread.sleep(forTimeInterval: 0.5)
                var names: [String] = []
                for _ in 0..<4 {
                    _ = try capture.nextBatch { frames in
                        for index in frames.indices {
                            names.append(capture.name(of: frames[index].source))
                        }
                    }
                }
                #expect(names.count { $0 == quiet.far } == 40, "\(interfaces)")
                #expect(names.count > 128)
            }
        }
    }

    @Test func anInterfaceThatDisappearsIsOpenedAgain() throws {
        try Namespace("capture").inside {
            let link = VirtualLink("lzr")
            let capture = try LiveCapture(interfaces: [link.far], options: options())
            link.send(10)
            #expect(try collect(capture, 10).ports.count == 10)
            link.remove()
            let isMissed = try eventually {
                _ = try capture.nextBatch { _ in }
                return capture.missing == [link.far]
            }
            #expect(isMissed)
            link.create()
            let isBack = try eventually {
                _ = try capture.nextBatch { _ in }
                return capture.missing.isEmpty
            }
            #expect(isBack)
            link.send(10)
            #expect(try collect(capture, 10).ports.count == 10)
            #expect(capture.statistics.reopened == 1)
        }
    }

    @Test func theAnyInterfaceIsCookedAndMissingOnesAreNamed() throws {
        try Namespace("capture").inside {
            let link = VirtualLink("lzy")
            var any = CaptureOptions()
            any.filter = "udp port 9"
            let capture = try LiveCapture(interfaces: ["any"], options: any)
            link.send(5)
            var types: [Int32] = []
            let areThere = try eventually {
                _ = try capture.nextBatch { frames in
                    for index in frames.indices { types.append(frames[index].linkType) }
                }
                return types.count >= 5
            }
            #expect(areThere && Set(types) == [276])
            #expect(throws: CaptureError.self) { try LiveCapture(interfaces: ["lz-none"]) }
        }
    }
}
