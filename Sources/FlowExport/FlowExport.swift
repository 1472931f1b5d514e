package import FlowMetering
package import NetworkAddresses
package import PacketCapture
package import PacketDecoding
internal import SystemSupport

/// Meters packets and writes the flows: `lazaret flows`.
package struct FlowExport {
    package struct Options {
        package var capture = CaptureOptions()
        package var meter = FlowMeterOptions()
        package var decode = PacketDecoder.Options()
        package var format = FlowFormat.table
        /// Files: with more than one, another thread reads and decodes; the flows are the same.
        package var threads = 1
        /// The width of a table in characters.
        package var width = 120
        package var isColoured = false
        /// Whether CSV has the Community ID.
        package var isIdentified = false
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
            warnings.contains(where: \.isDamage)
        }

        fileprivate mutating func interrupt(after bytes: UInt64, of total: UInt64) {
            guard total > 0 else { return }
            isInterrupted = true
            shareRead = min(1, Double(bytes) / Double(total))
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
        var thread = FlowThread(options: options, datagrams: output.isDatagram)
        if options.threads > 1, let size = Self.size(ofPlain: files),
            let ahead = try Self.ahead(files, capture, FlowThread.decoding(options))
        {
            return try run(ahead, size, &thread, output, shouldStop, progress)
        }
        let source = try FileCapture(paths: files, options: capture)
        let total = source.totalBytes
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
        if !isWhole, let total {
            outcome.interrupt(after: source.statistics.fileBytes, of: total)
        }
        return outcome
    }

    private typealias Ahead = BatchThread<DecodedPackets, DecodedFiles.Summary, CaptureError>

    /// Another thread that reads and decodes; nil if the system allows none.
    private static func ahead(
        _ files: [String], _ capture: CaptureOptions, _ decoding: PacketDecoder.Options
    ) throws -> Ahead? {
        try Ahead(capacity: 16) { () throws(CaptureError) in
            try DecodedFiles(paths: files, options: capture, decoding: decoding)
        }
    }

    /// The same, while another thread reads and decodes.
    private func run(
        _ source: Ahead, _ size: UInt64, _ thread: inout FlowThread, _ output: FlowOutput,
        _ shouldStop: () -> Bool, _ progress: (UInt64, UInt64?) -> Void
    ) throws -> Outcome {
        var batch = DecodedPackets()
        var summary: DecodedFiles.Summary?
        var batches = 0
        while summary == nil, !shouldStop() {
            summary = try source.next(&batch)
            try thread.process(&batch, to: output)
            batches &+= 1
            if batches & 0x1FF == 0 { progress(batch.fileBytes, size) }
        }
        let isWhole = summary != nil && !shouldStop()
        try thread.finish(output)
        var outcome = Outcome(meter: thread.meter.statistics)
        if let summary {
            outcome.capture = summary.capture
            outcome.decode = summary.decode
            outcome.warnings = summary.warnings
        }
        if !isWhole {
            outcome.interrupt(after: batch.fileBytes, of: size)
        }
        return outcome
    }

    /// The bytes of all files; nil if one of them is no plain file.
    private static func size(ofPlain files: [String]) -> UInt64? {
        var sum: UInt64 = 0
        for file in files {
            // The name of standard input may be that of a file, too.
            guard file != "-", let status = try? Files.status(file), status.isPlainFile
            else { return nil }
            sum += status.byteCount
        }
        return sum
    }
}
