internal import FlowMetering
internal import Glibc
internal import PacketCapture
internal import PacketDecoding
internal import SystemSupport
internal import Timestamps

extension FlowExport {
    /// Meters interfaces until `shouldStop` returns true, then ends all flows.
    ///
    /// - Parameter report: called between batches, with the counters to print on request.
    package func run(
        interfaces: [String], output: FlowOutput, shouldStop: () -> Bool,
        report: (() -> Outcome) -> Void
    ) throws -> Outcome {
        var capture = options.capture
        capture.linkTypes = LinkType.supported.map(\.rawValue)
        let source = try LiveCapture(interfaces: interfaces, options: capture)
        var thread = FlowThread(options: options, datagrams: output.isDatagram)
        var flushed = Timestamp.epoch
        while !shouldStop() {
            var latest: Timestamp?
            _ = try source.nextBatch { frames in
                thread.process(frames)
                // On a live interface, the next batch may arrive much later.
                thread.settle()
                if frames.count > 0 { latest = frames[frames.count - 1].time }
            }
            // Frames may be in the kernel's ring for as long as a block is being filled.
            let reached = latest ?? Clock.now() - .seconds(1)
            if latest == nil { thread.meter.advance(to: reached) }
            let isDue = reached - flushed > .milliseconds(500) || reached < flushed
            if isDue { flushed = reached }
            try thread.hand(to: output, threshold: isDue ? 1 : 1 << 16)
            report {
                Outcome(
                    capture: source.statistics, decode: thread.decoder.statistics,
                    meter: thread.meter.statistics)
            }
        }
        try thread.finish(output)
        return Outcome(
            capture: source.statistics, decode: thread.decoder.statistics,
            meter: thread.meter.statistics)
    }
}
