package import FlowMetering
package import PacketCapture
package import PacketDecoding
package import Reporting

/// Meters captures and writes the flows: `lazaret flows`.
package struct FlowExport {
    package struct Options {
        package var capture = CaptureOptions()
        package var meter = FlowMeterOptions()
        package var decode = PacketDecoder.Options()
        package var format = FlowFormat.eve
        package init() {}
    }

    package let options: Options
    package init(options: Options) { self.options = options }

    /// Reads files to their end and hands the text of the ended flows to `write`.
    package func run(
        files: [String], write: ([UInt8]) throws -> Void
    ) throws -> Outcome {
        var capture = options.capture
        capture.linkTypes = LinkType.supported.map(\.rawValue)
        let source = try FileCapture(paths: files, options: capture)
        var decoder = PacketDecoder(options: options.decode)
        var meter = FlowMeter(options: options.meter)
        var packets = [Packet](repeating: Packet(), count: 64)
        var text = FlowText()
        var identifier: UInt64 = 0
        while try source.nextBatch({ frames in
            for position in frames.indices {
                let frame = frames[position]
                // SAFETY: the bytes are used within the call that lends them.
                unsafe decoder.decode(
                    frame.bytes, linkType: LinkType(rawValue: frame.linkType),
                    timeNanoseconds: frame.timeNanoseconds, wireLength: frame.wireLength,
                    into: &packets[position])
            }
            var span = packets.mutableSpan
            meter.prepare(&span)
            for position in frames.indices { _ = meter.observe(packets[position]) }
        }) {
            meter.drain { record in
                identifier &+= 1
                text.addEVE(record, flowIdentifier: identifier)
            }
            if text.count > 1 << 16 {
                try write(text.bytes)
                text.removeAll()
            }
        }
        meter.finish()
        meter.drain { record in
            identifier &+= 1
            text.addEVE(record, flowIdentifier: identifier)
        }
        try write(text.bytes)
        return Outcome(
            capture: source.statistics, decode: decoder.statistics, meter: meter.statistics,
            warnings: source.warnings)
    }

    package struct Outcome {
        package var capture: CaptureStatistics
        package var decode: DecodeStatistics
        package var meter: FlowMeterStatistics
        package var warnings: [CaptureWarning]
    }
}
