import FlowMetering
import FeatureExtraction
import EventDelivery
import Foundation
import NetworkAddresses
import PacketCapture
import PacketDecoding
import SenderAttribution
import SystemSupport
import TestKit
import Testing
import Workloads

@testable import Monitor
@testable import Offline
@testable import Recording
import Timestamps

/// A monitor's recording is read with the names that were valid at the time of each packet.
final class PacketRecordingTests {
    private let folder = NSTemporaryDirectory() + "lazaret-recording-\(UUID().uuidString)"
    private var path: String { folder + "/kept.pcapng" }
    private let start = Timestamp(second: 1_700_000_000)
    private let web = IPAddress(v4: 0x0A00_0007)
    private let log = CollectedLog()

    init() throws {
        try FileManager.default.createDirectory(
            atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func recording(size: Int = 1 << 30, kept: Int = 3) throws -> PacketRecording {
        var options = RecordingOptions()
        options.size = size
        options.kept = kept
        return try PacketRecording(options, path: path, logger: log.logger)
    }

    /// A datagram of 10.0.0.7, `milliseconds` after the start.
    private func add(
        _ recording: PacketRecording, at milliseconds: Int64, source: Int32 = 0, port: UInt16 = 1,
        payload: Int = 4, nodePort: UInt32 = 0
    ) {
        let bytes = Frame.ethernet(
            0x0800,
            Frame.ipv4(
                "10.0.0.7", "10.0.0.9", 17,
                Frame.udp(port, 53, [UInt8](repeating: 7, count: payload))))
        bytes.withUnsafeBytes { raw in
            let frame = CapturedFrame(
                time: start + .milliseconds(milliseconds),
                wireLength: UInt32(raw.count), linkType: 1, source: source, port: nodePort,
                packetType: nodePort == 0 ? 255 : 3, bytes: raw)
            withUnsafePointer(to: frame) {
                recording.record(
                    UnsafeBufferPointer(start: $0, count: 1).span,
                    origin: { frame in
                        guard frame.port != 0 else { return .interface("br\(frame.source)") }
                        return .port(
                            RecordedPort(
                                number: frame.port, name: "veth\(frame.port)",
                                isShared: frame.port == 9), run: 5)
                    })
            }
        }
    }

    /// Waits for the disk, except for the chunk that is being filled.
    private func keepPace(_ recording: PacketRecording, _ count: Int) {
        let isFollowing = eventually {
            Int(recording.status.written + recording.status.dropped) >= count - 1500
        }
        #expect(isFollowing, "\(recording.status)")
    }

    private func change(_ workload: String?, at milliseconds: Int64?) -> WorkloadChange {
        var change = WorkloadChange()
        change.holders[web] = .some(workload.map { Inventory.Holder(workload: $0) })
        change.times[web] = milliseconds.map { start + .milliseconds($0) }
        return change
    }

    /// The owner of the sender's address at the time of each packet, by the packet's source port.
    private func read(_ paths: [String]? = nil) throws -> [(port: UInt16, holder: String?)] {
        var holder: String?
        var seen: [(port: UInt16, holder: String?)] = []
        var packets = try PacketReader(
            PacketSource.Input(paths: paths ?? [path], trustsNotes: true), threads: 2)
        while let step = try packets.next() {
            switch step {
            case .names(let change): change.holders[web].map { holder = $0?.workload }
            case .ports, .clockSetBack: break
            case .packet: seen.append((packets.packet.sourcePort, holder))
            }
        }
        let warnings = packets.report?.warnings
        #expect(warnings?.isEmpty == true, "\(String(describing: warnings))")
        return seen
    }

    @Test func aPortHoldsUntilTheTimeAtWhichItWent() throws {
        let recording = try recording()
        add(recording, at: 0, port: 1, nodePort: 3)
        // The monitor learns of it while packets that came before are still held back.
        recording.recordPorts(gone: [3], run: 5, at: start + .milliseconds(150))
        add(recording, at: 100, port: 2, nodePort: 3)
        add(recording, at: 200, port: 3, nodePort: 9)
        recording.stop()
        var steps: [String] = []
        var packets = try PacketReader(
            PacketSource.Input(paths: [path], trustsNotes: true), threads: 1)
        while let step = try packets.next() {
            switch step {
            case .names, .clockSetBack: break
            case .ports(let change):
                steps += change.facts.map { "\($0.name) \($0.isShared)" }
                steps += change.gone.map { "gone \($0)" }
            case .packet: steps.append("packet \(packets.packet.port)")
            }
        }
        // Numbers are assigned by the reader.
        #expect(
            steps.filter { $0 != "veth9 true" } == [
                "veth3 false", "packet 1", "packet 1", "gone 1", "packet 2",
            ], "\(steps)")
        #expect(steps.contains("veth9 true"))
    }

    @Test func aNameAppliesToPacketsFromItsTimeOn() throws {
        let recording = try recording()
        recording.recordNames(change("web", at: nil))
        add(recording, at: 0, port: 1)
        add(recording, at: 100, port: 2)
        add(recording, at: 200, port: 3)
        // The engine reports it only after packets have arrived.
        recording.recordNames(change("thief", at: 150))
        recording.advance(to: Clock.monotonic() + .seconds(1))
        add(recording, at: 300, port: 4)
        recording.recordNames(change(nil, at: 350))
        add(recording, at: 400, port: 5)
        recording.stop()
        let seen = try read()
        #expect(seen.map(\.port) == [1, 2, 3, 4, 5])
        #expect(seen.map(\.holder) == ["web", "web", "thief", "thief", nil])
        #expect(recording.status.written == 5 && recording.status.dropped == 0)
        let mode = try FileManager.default.attributesOfItem(atPath: path)[.posixPermissions]
        #expect(mode as? Int == 0o600)
    }

    @Test func aForwardedPacketIsReadOnce() throws {
        let recording = try recording()
        recording.recordNames(change("web", at: nil))
        for number in 0..<50 {
            add(recording, at: Int64(number) * 10, source: 0, port: UInt16(number + 1))
            add(recording, at: Int64(number) * 10 + 1, source: 1, port: UInt16(number + 1))
        }
        recording.stop()
        #expect(try read().map(\.port) == Array(1...50))
        let file = try Data(contentsOf: URL(fileURLWithPath: path))
        #expect(file.range(of: Data("br0".utf8)) != nil && file.range(of: Data("br1".utf8)) != nil)
    }

    @Test func everyFileStartsWithAllNamesAndTheOldestAreDeleted() throws {
        let recording = try recording(size: 3 << 20, kept: 2)
        recording.recordNames(change("web", at: nil))
        for number in 0..<9000 {
            add(recording, at: Int64(number), port: UInt16(number + 1), payload: 1400)
            if number % 500 == 0 { keepPace(recording, number) }
        }
        recording.stop()
        #expect(recording.status.dropped == 0, "\(recording.status)")
        let files = try FileManager.default.contentsOfDirectory(atPath: folder).sorted()
        #expect(files == ["kept.pcapng", "kept.pcapng.1", "kept.pcapng.2"])
        for file in files {
            let seen = try read([folder + "/" + file])
            #expect(!seen.isEmpty && seen.allSatisfy { $0.holder == "web" })
        }
        let all = try read([path + ".2", path + ".1", path]).map(\.port)
        #expect(all == Array((9001 - UInt16(all.count))...9000))
    }

    @Test func existingFilesAreKeptAndAMovedFileIsRecreated() throws {
        try Data("mine".utf8).write(to: URL(fileURLWithPath: path))
        let recording = try recording()
        add(recording, at: 0, port: 1)
        recording.advance(to: Clock.monotonic() + .seconds(1))
        let isWritten = eventually { recording.status.written == 1 }
        #expect(isWritten)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".mine")
        recording.reopen()
        add(recording, at: 1, port: 2)
        recording.stop()
        #expect(try String(contentsOfFile: path + ".1", encoding: .utf8) == "mine")
        #expect(try read([path + ".mine"]).map(\.port) == [1])
        #expect(try read().map(\.port) == [2])
    }

    @Test(.needsKernel) func aFullDiskIsReportedOnceAndWrittenDataStaysReadable() throws {
        try Namespace.command([
            "mount", "-t", "tmpfs", "-o", "size=3m,mode=700", "tmpfs", folder,
        ])
        defer { _ = try? Namespace.command(["umount", folder]) }
        let recording = try recording()
        for number in 0..<4000 {
            add(recording, at: Int64(number), port: UInt16(number + 1), payload: 1400)
            if number % 500 == 0 { keepPace(recording, number) }
        }
        recording.advance(to: Clock.monotonic() + .seconds(1))
        let status = { recording.status }
        let isSettled = eventually { status().written + status().dropped == 4000 }
        #expect(isSettled, "\(status())")
        #expect(status().dropped > 0 && status().trouble != nil, "\(status())")
        #expect(log.lines.count == 1)
        let written = Int(status().written)
        #expect(try read().count == written && written > 0)
        try FileManager.default.moveItem(atPath: path, toPath: folder + ".moved")
        defer { try? FileManager.default.removeItem(atPath: folder + ".moved") }
        // A program that another test is about to start has the removed file open for a moment, so
        // that its space is not free yet.
        let isReopened = eventually {
            recording.reopen()
            return FileManager.default.fileExists(atPath: path)
        }
        #expect(isReopened, "\(status())")
        add(recording, at: 5000, port: 9)
        recording.stop()
        #expect(try read().map(\.port) == [9] && status().trouble == nil)
    }

    @Test(arguments: ["/nowhere/at/all.pcapng", "/dev/null", "/tmp"])
    func anUnwritableDirectoryIsReportedAtTheStart(path: String) {
        #expect(throws: IOError.self) {
            _ = try PacketRecording(RecordingOptions(), path: path, logger: log.logger)
        }
    }
}
