import FlowMetering
import Foundation
import PacketCapture
import PacketDecoding
import TestKit
import Testing
import Timestamps

/// A file that is removed with the test.
final class TemporaryFile {
    let path: String
    init(_ bytes: [UInt8]) throws {
        path = FileManager.default.temporaryDirectory.path + "/lazaret-test-\(UUID())"
        try Data(bytes).write(to: URL(fileURLWithPath: path))
    }
    deinit { try? FileManager.default.removeItem(atPath: path) }
}

struct Read: Equatable {
    var time: Timestamp
    var length: UInt32
    var bytes: [UInt8]
    var source: Int32

    init(_ frame: CapturedFrame) {
        time = frame.time
        length = frame.wireLength
        bytes = Array(frame.bytes)
        source = frame.source
    }
}

/// The frames of files, which are the same one by one and in batches.
func readAll(_ files: [TemporaryFile], _ options: CaptureOptions = .init()) throws -> (
    frames: [Read], capture: FileCapture
) {
    let capture = try FileCapture(paths: files.map(\.path), options: options)
    var frames: [Read] = []
    while try capture.nextBatch({ batch in
        for index in batch.indices { frames.append(Read(batch[index])) }
    }) {}
    let single = try FileCapture(paths: files.map(\.path), options: options)
    var singly: [Read] = []
    while let frame = try single.next() { singly.append(Read(frame)) }
    #expect(singly == frames && single.statistics == capture.statistics)
    return (frames, capture)
}

private let records = (0..<300).map {
    CaptureFile.Record(
        Timestamp(nanoseconds: 1_700_000_000_123_456_000) + .milliseconds($0),
        [UInt8](repeating: UInt8($0 & 255), count: 60 + $0), wireLength: 100 + $0)
}

@Test(arguments: [false, true], [false, true])
func everyPlainKindOfPcapIsRead(isBigEndian: Bool, isNanosecond: Bool) throws {
    let file = try TemporaryFile(
        CaptureFile.pcap(records, isBigEndian: isBigEndian, isNanosecond: isNanosecond))
    let (frames, capture) = try readAll([file])
    #expect(frames.map(\.time) == records.map(\.time))
    #expect(frames.map(\.bytes) == records.map(\.bytes))
    #expect(frames.map(\.length) == records.map { UInt32($0.wireLength) })
    #expect(capture.statistics.packets == 300 && capture.warnings.isEmpty)
}

@Test(arguments: [false, true])
func interfacesOfAPcapngFileHaveTheirOwnUnits(isBigEndian: Bool) throws {
    let file = try TemporaryFile(
        CaptureFile.pcapng(
            [.init(), .init(linkType: 101, resolution: 9), .init(resolution: 0x80 | 10)],
            [
                (0, 1_700_000_000_000_001, [1, 2, 3]), (1, 1_700_000_000_000_000_002, [4]),
                (2, 1_700_000_000 << 10 | 512, [5, 6]),
            ], isBigEndian: isBigEndian))
    let (frames, _) = try readAll([file])
    #expect(
        frames.map(\.time.nanoseconds) == [
            1_700_000_000_000_001_000, 1_700_000_000_000_000_002, 1_700_000_000_500_000_000,
        ])
    #expect(frames.map(\.bytes) == [[1, 2, 3], [4], [5, 6]])
}

@Test func aTimeOutOfRangeBecomesTheLastTime() throws {
    let file = try TemporaryFile(
        CaptureFile.pcapng(
            [.init(), .init(resolution: 9), .init(resolution: 0), .init(resolution: 0x80)],
            [
                (0, .max, [1]), (1, 1 << 63, [2]), (1, 1 << 63 - 2, [3]), (2, 1 << 40, [4]),
                (3, .max, [5]),
            ]))
    let (frames, _) = try readAll([file])
    let last = Timestamp.distantFuture
    #expect(frames.map(\.time) == [last, last, last - .nanoseconds(1), last, last])
}

@Test func severalFilesAreMergedByTime() throws {
    let odd = try TemporaryFile(
        CaptureFile.pcap(records.enumerated().filter { $0.offset % 2 == 1 }.map(\.element)))
    let even = try TemporaryFile(
        CaptureFile.pcap(records.enumerated().filter { $0.offset % 2 == 0 }.map(\.element)))
    let (frames, capture) = try readAll([odd, even])
    #expect(frames.map(\.time) == records.map(\.time))
    #expect(frames.map(\.bytes) == records.map(\.bytes))
    #expect(frames.prefix(2).map(\.source) == [1, 0])
    #expect(capture.statistics.packets == 300)
}

@Test func aTruncatedFileYieldsItsCompletePacketsAndAWarning() throws {
    let whole = CaptureFile.pcap(records)
    let (frames, capture) = try readAll([try TemporaryFile(Array(whole.dropLast(5)))])
    #expect(frames.count == 299)
    #expect(capture.warnings.map(\.kind) == [.cut])
    #expect(capture.warnings.map(\.packets) == [299])
}

@Test func aDamagedRecordEndsTheFileWithAWarning() throws {
    var bytes = CaptureFile.pcap(records)
    bytes[24 + 16 + 60 + 8 + 3] = 0x7F
    let (frames, capture) = try readAll([try TemporaryFile(bytes)])
    #expect(frames.count == 1)
    #expect("\(capture.warnings[0])".contains("the 1 packets before it were used"))
}

@Test func anInvalidCaptureIsRefusedWithTheReason() throws {
    let text = try TemporaryFile(Array("hello, this is text".utf8))
    #expect(throws: CaptureError.notACapture(path: text.path)) {
        try FileCapture(paths: [text.path])
    }
    let empty = try TemporaryFile([])
    #expect(throws: CaptureError.empty(path: empty.path)) {
        try FileCapture(paths: [empty.path])
    }
    #expect(throws: CaptureError.isDirectory(path: "/tmp")) { try FileCapture(paths: ["/tmp"]) }
    #expect(throws: CaptureError.open(path: "/no/file", reason: "No such file or directory")) {
        try FileCapture(paths: ["/no/file"])
    }
    let radio = try TemporaryFile(CaptureFile.pcap([], linkType: 195))
    var options = CaptureOptions()
    options.linkTypes = LinkType.supported.map(\.rawValue)
    #expect(throws: CaptureError.unsupportedLinkType(path: radio.path, name: "IEEE802_15_4")) {
        try FileCapture(paths: [radio.path], options: options)
    }
}

@Test func aFilterAcceptsTheMatchingFrames() throws {
    func frame(_ port: UInt16) -> CaptureFile.Record {
        .init(
            .epoch,
            Frame.ethernet(0x0800, Frame.ipv4("10.0.0.1", "10.0.0.2", 17, Frame.udp(1, port, []))))
    }
    let file = try TemporaryFile(CaptureFile.pcap([frame(53), frame(80), frame(53)]))
    var options = CaptureOptions()
    options.filter = "udp port 53"
    let (frames, capture) = try readAll([file], options)
    #expect(frames.count == 2 && capture.statistics.filtered == 1)
    options.filter = "no filter at all"
    #expect(throws: CaptureError.self) { try FileCapture(paths: [file.path], options: options) }
}

@Test func recordsLargerThanTheBufferAreRead() throws {
    let large = (0..<8).map {
        CaptureFile.Record(Timestamp(nanoseconds: Int64($0)), [UInt8](repeating: 7, count: 250_000))
    }
    let (frames, _) = try readAll([try TemporaryFile(CaptureFile.pcap(large, isNanosecond: true))])
    #expect(frames.map(\.bytes.count) == large.map { min($0.bytes.count, 65_535) })
}

/// The sample captures, and those below the folder that `LAZARET_DATA` names, compared frame by
/// frame with libpcap's reader.
@Test func everyCaptureYieldsTheSameFramesAsLibpcap() throws {
    let more = ProcessInfo.processInfo.environment["LAZARET_DATA"]
    let roots = [Run.root.appendingPathComponent("captures").path] + [more].compactMap(\.self)
    let names = roots.flatMap { root in
        let below = FileManager.default.enumerator(atPath: root)?.allObjects as? [String] ?? []
        return below.map { root + "/" + $0 }
    }
    var compared = 0
    for name in names {
        guard let reference = LibpcapReader(name) else { continue }
        var expected = reference.digest()
        guard let capture = try? FileCapture(paths: [name]) else {
            // libpcap reports no error before the first frame, so we must not either.
            #expect(expected.count == 0, Comment(rawValue: name))
            continue
        }
        var digest = FrameDigest()
        while let more = try? capture.nextBatch({ frames in
            for index in frames.indices { digest.add(frames[index]) }
        }), more {}
        if reference.hasOddTimes { expected.times = digest.times }
        // libpcap stops at an interface of another type, we continue.
        if reference.ended { #expect(digest == expected, Comment(rawValue: name)) }
        compared += 1
    }
    #expect(compared >= 3)
}

/// A name resolution block with this body.
private func nameBlock(_ body: [UInt8], isBigEndian: Bool = false) -> [UInt8] {
    func word(_ value: Int) -> [UInt8] {
        let bytes = Frame.bytes(UInt64(value), 4)
        return isBigEndian ? bytes : bytes.reversed()
    }
    let padding = [UInt8](repeating: 0, count: (4 - body.count % 4) % 4)
    let length = 12 + body.count + padding.count
    return word(4) + word(length) + body + padding + word(length)
}

@Test(arguments: [false, true])
func notesOfAMonitorAreReturnedOnceAndOthersAreNot(isBigEndian: Bool) throws {
    func half(_ value: Int) -> [UInt8] {
        let bytes = Frame.bytes(UInt64(value), 2)
        return isBigEndian ? bytes : bytes.reversed()
    }
    func part(_ code: Int, _ value: [UInt8]) -> [UInt8] {
        half(code) + half(value.count) + value
            + [UInt8](repeating: 0, count: (4 - value.count % 4) % 4)
    }
    let record = part(1, [10, 0, 0, 1] + Array("web".utf8) + [0])
    let end = part(0, [])
    let ours = record + end + part(1, Array("lazaret: {}".utf8)) + end
    let theirs = record + end + part(1, Array("a comment".utf8)) + end
    let file = try TemporaryFile(
        CaptureFile.pcapng([.init()], [(0, 1, [1, 2, 3, 4])], isBigEndian: isBigEndian)
            + nameBlock(ours, isBigEndian: isBigEndian)
            + nameBlock(theirs, isBigEndian: isBigEndian))
    var options = CaptureOptions()
    options.noteLimit = 100
    let (frames, capture) = try readAll([file], options)
    #expect(frames.count == 1 && capture.warnings.isEmpty && capture.lostNotes == 0)
    #expect(capture.takeNotes() == ["{}"] && capture.takeNotes().isEmpty)
    // Without a request for notes, none are kept.
    options.noteLimit = 10
    let (_, other) = try readAll([file], options)
    #expect(other.takeNotes().isEmpty && other.lostNotes == 1)
}

@Test(arguments: [
    [1, 0, 0xFF, 0xFF], [1, 0, 200, 0, 1, 2, 3, 4], [0, 0, 0, 0, 1, 0, 0xFF, 0xFF],
    [0, 0, 0, 0, 1, 0, 9, 0, 0x6C, 0x61], [0, 0, 9, 0], [], [7],
])
func nameBlocksWithWrongLengthsAreHarmless(body: [UInt8]) throws {
    let file = try TemporaryFile(
        CaptureFile.pcapng([.init()], [(0, 1, [1, 2, 3, 4])]) + nameBlock(body)
            + CaptureFile.pcapng([.init()], [(0, 1, [5, 6, 7, 8])]))
    var options = CaptureOptions()
    options.noteLimit = 1 << 20
    let (frames, capture) = try readAll([file], options)
    #expect(frames.count == 2 && capture.takeNotes().isEmpty)
}
