import Foundation
import PacketCapture
import PacketDecoding
import Synchronization

// capture-bench ports [BRIDGE…]  ports of all bridges, or of these, in one ring
// capture-bench each INTERFACE…  what comes in at each interface, a ring for each
// capture-bench whole INTERFACE… all of each interface, a ring for each
//
// Decodes every frame until SIGINT, and writes: frames, frames lost, seconds of CPU.

let isStopped = Atomic<Bool>(false)

/// Counts frames until SIGINT.
struct Listener: ~Copyable {
    private var decoder = PacketDecoder()
    private var packet = Packet()
    private var packets: UInt64 = 0

    mutating func process(_ frames: Span<CapturedFrame>) {
        for index in frames.indices {
            let frame = frames[index]
            decoder.decode(
                RawSpan(_unsafeBytes: frame.bytes), linkType: LinkType(rawValue: frame.linkType),
                time: frame.time, wireLength: frame.wireLength,
                into: &packet)
            if packet.kind == .ip { packets += 1 }
        }
    }

    mutating func run(
        _ next: (Int32, (Span<CapturedFrame>) -> Void) throws -> Bool, drops: () -> UInt64
    ) throws {
        try FileHandle.standardError.write(contentsOf: Data("ready\n".utf8))
        let start = Self.seconds()
        var isIdle = false
        // Frames that wait at that time are counted, too.
        while !isStopped.load(ordering: .relaxed) || !isIdle {
            isIdle = true
            _ = try next(100) { frames in
                if frames.count > 0 { isIdle = false }
                process(frames)
            }
        }
        print(packets, drops(), Self.seconds() - start)
    }

    private static func seconds() -> Double {
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        return Double(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec)
            + Double(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6
    }
}

signal(SIGINT) { _ in isStopped.store(true, ordering: .relaxed) }
let words = Array(CommandLine.arguments.dropFirst())
var options = CaptureOptions()
var listener = Listener()
switch words.first {
case "ports":
    var selection = PortSelection()
    if words.count > 1 { selection.bridges = Set(words.dropFirst()) }
    let capture = try PortCapture(selection: selection, options: options)
    try listener.run(capture.nextBatch, drops: { capture.statistics.kernelDrops })
case "each", "whole":
    if words[0] == "each" { options.direction = .incoming }
    let capture = try LiveCapture(interfaces: Array(words.dropFirst()), options: options)
    try listener.run(capture.nextBatch, drops: { capture.statistics.kernelDrops })
default: print("usage: capture-bench ports | each INTERFACE… | whole INTERFACE…")
}
