import NetworkAddresses
import TestKit
import Testing
import Timestamps

@testable import PacketCapture

/// A recording as a monitor writes it: a section, a block for each port before its first frame.
private func recording(
    _ ports: [RecordedPort], _ frames: [(port: Int, type: UInt8)], run: UInt64
) -> [UInt8] {
    var bytes = PcapNGBlock.section(application: "test", comment: "ports")
    for port in ports { bytes += PcapNGBlock.interface(linkType: 1, port: port, run: run) }
    for (place, frame) in frames.enumerated() {
        let content = [UInt8](repeating: UInt8(place), count: 60 + place)
        content.withUnsafeBytes { raw in
            let lent = CapturedFrame(
                time: Timestamp(nanoseconds: Int64(place)), wireLength: UInt32(raw.count),
                linkType: 1,
                source: 0, port: ports[frame.port].number, packetType: frame.type, bytes: raw)
            let before = bytes.count
            PcapNGBlock.append(lent, interface: UInt32(frame.port), to: &bytes)
            #expect(bytes.count - before == PcapNGBlock.length(of: lent))
        }
    }
    return bytes
}

struct RecordedPortTests {
    private let ports = [
        RecordedPort(
            number: 7, name: "veth0", description: "veth, port of br-web",
            addresses: [IPAddress("192.0.2.1"), IPAddress("fd00::1")].compactMap(\.self)),
        RecordedPort(number: 9, name: "veth0"),
    ]

    @Test func portAndDirectionOfEachFrameAreReadAgain() throws {
        let frames: [(port: Int, type: UInt8)] = [
            (0, 0), (1, 1), (1, 2), (0, 3), (0, 4), (1, 255),
        ]
        let file = try TemporaryFile(recording(ports, frames, run: 5))
        let capture = try FileCapture(paths: [file.path])
        var seen: [(UInt32, UInt8)] = []
        while try capture.nextBatch({ batch in
            for index in batch.indices { seen.append((batch[index].port, batch[index].packetType)) }
        }) {}
        withExtendedLifetime(file) {}
        // Numbers are assigned by the reader; the same name is not the same port.
        #expect(seen.map(\.0) == [1, 2, 2, 1, 1, 2])
        #expect(seen.map(\.1) == [0, 1, 2, 3, 4, 255])
        let described = capture.takePorts()
        #expect(described.map(\.number) == [1, 2] && described.map(\.name) == ["veth0", "veth0"])
        #expect(described[0].description == "veth, port of br-web")
        #expect(described[0].addresses == ports[0].addresses && described[1].addresses.isEmpty)
        #expect(capture.takePorts().isEmpty && capture.warnings.isEmpty)
    }

    @Test func filesOfOneMonitorShareTheirPortsAndThoseOfAnotherDoNot() throws {
        let files = try [
            recording(ports, [(0, 0)], run: 5), recording([ports[1], ports[0]], [(1, 0)], run: 5),
            recording(ports, [(0, 0)], run: 6),
        ].map { try TemporaryFile($0) }
        let capture = try FileCapture(paths: files.map(\.path))
        var seen: [Int32: UInt32] = [:]
        while try capture.nextBatch({ batch in
            for index in batch.indices { seen[batch[index].source] = batch[index].port }
        }) {}
        withExtendedLifetime(files) {}
        #expect(seen[0] == seen[1] && seen[0] != seen[2] && seen[0] != 0 && seen[2] != 0)
    }

    @Test func interfacesOfOtherProgramsAreNoPorts() throws {
        var bytes = PcapNGBlock.section(application: "test", comment: "none")
        bytes += PcapNGBlock.interface(linkType: 1, name: "eth0")
        let content = [UInt8](repeating: 0, count: 60)
        content.withUnsafeBytes { raw in
            let frame = CapturedFrame(
                time: .epoch, wireLength: 60, linkType: 1, source: 0, bytes: raw)
            PcapNGBlock.append(frame, interface: 0, to: &bytes)
        }
        let (frames, capture) = try readAll([try TemporaryFile(bytes)])
        #expect(frames.count == 1 && capture.takePorts().isEmpty)
        #expect(RecordedPort.parse("port 0 of run 5") == nil)
        #expect(RecordedPort.parse("port 1 of run x") == nil)
        #expect(RecordedPort.parse("port 1 of run 5 6") == nil)
    }
}
