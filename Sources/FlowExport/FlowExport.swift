package import FlowMetering
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
        package init() {}
    }

    /// The counters for `--stats`.
    package struct Outcome {
        package var capture = CaptureStatistics()
        package var decode = DecodeStatistics()
        package var meter = FlowMeterStatistics()
        package var warnings: [CaptureWarning] = []
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
        while !shouldStop() {
            let more = try source.nextBatch { frames in thread.process(frames) }
            guard more else { break }
            try thread.hand(to: output)
            batches &+= 1
            if batches & 0xFFF == 0 { progress(source.statistics.fileBytes, total) }
        }
        try thread.finish(output)
        return Outcome(
            capture: source.statistics, decode: thread.decoder.statistics,
            meter: thread.meter.statistics, warnings: source.warnings)
    }
}
