package import FlowMetering
package import NetworkAddresses
package import PacketCapture
package import PacketDecoding

/// Meters packets and writes the flows: `lazaret flows`.
package struct FlowExport {
    package struct Options {
        package var capture = CaptureOptions()
        package var meter = FlowMeterOptions()
        package var decode = PacketDecoder.Options()
        package var format = FlowFormat.table
        /// The width of a table in characters.
        package var width = 120
        package var isColoured = false
        /// Names the workload of an address; nil: tables, CSV and JSON have no workloads.
        package var workload: ((IPAddress) -> String?)?
        package init() {}
    }

    /// The counters for `--stats`.
    package struct Outcome {
        package var capture = CaptureStatistics()
        package var decode = DecodeStatistics()
        package var meter = FlowMeterStatistics()
        package var warnings: [CaptureWarning] = []
        /// Whether it was stopped before the end of files whose size is known.
        package var isInterrupted = false
        /// The share of their bytes that was read, 0...1.
        package var shareRead = 1.0
        /// Whether a file was damaged, so packets after the damage are missing.
        package var isDamaged: Bool {
            warnings.contains { if case .damaged = $0.kind { true } else { false } }
        }
    }

    package let options: Options
    package init(options: Options) { self.options = options }

    /// Reads files to their end, or until `shouldStop` returns true.
    ///
    /// - Parameters:
    ///   - output: the destination of the text.
    ///   - progress: called with the bytes read so far and in total, about every megabyte.
    package func run(
        files: [String], output: FlowOutput, shouldStop: () -> Bool = { false },
        progress: (UInt64, UInt64?) -> Void = { _, _ in }
    ) throws -> Outcome {
        var capture = options.capture
        capture.linkTypes = LinkType.supported.map(\.rawValue)
        let source = try FileCapture(paths: files, options: capture)
        let total = source.totalBytes
        var thread = FlowThread(options: options, datagrams: output.isDatagram)
        var batches = 0
        var isWhole = false
        while !shouldStop() {
            let more = try source.nextBatch { frames in thread.process(frames) }
            guard more else {
                isWhole = !shouldStop()
                break
            }
            try thread.hand(to: output)
            batches &+= 1
            if batches & 0xFFF == 0 { progress(source.statistics.fileBytes, total) }
        }
        try thread.finish(output)
        var outcome = Outcome(
            capture: source.statistics, decode: thread.decoder.statistics,
            meter: thread.meter.statistics, warnings: source.warnings)
        // A pipe ends when its writer is interrupted, too.
        if !isWhole, let total, total > 0 {
            outcome.isInterrupted = true
            outcome.shareRead = min(1, Double(source.statistics.fileBytes) / Double(total))
        }
        return outcome
    }
}
