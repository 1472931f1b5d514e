internal import FlowMetering
internal import Glibc
internal import PacketCapture
internal import PacketDecoding
internal import SystemSupport

extension FlowExport {
    /// Meters interfaces until `shouldStop`, and then ends every flow.
    ///
    /// - Parameter report: called between batches, with counters to show on request.
    package func run(
        interfaces: [String], output: FlowOutput, shouldStop: () -> Bool,
        report: (() -> Outcome) -> Void
    ) throws -> Outcome {
        var capture = options.capture
        capture.linkTypes = LinkType.supported.map(\.rawValue)
        let source = try LiveCapture(interfaces: interfaces, options: capture)
        var thread = FlowThread(options: options, datagrams: output.isDatagram)
        var flushed: Int64 = 0
        while !shouldStop() {
            var latest: Int64 = 0
            _ = try source.nextBatch { frames in
                thread.take(frames)
                // Live, the next batch may be long in coming.
                thread.settle()
                if frames.count > 0 { latest = frames[frames.count - 1].timeNanoseconds }
            }
            if latest == 0 {
                // Frames may wait in the kernel's ring for as long as a block is being filled.
                latest = Clock.now() - 1_000_000_000
                thread.meter.advance(to: latest)
            }
            let isDue = latest - flushed > 500_000_000 || latest < flushed
            if isDue { flushed = latest }
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
