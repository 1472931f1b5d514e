internal import Glibc
package import NetworkAddresses
package import PacketCapture
internal import PacketDecoding
internal import PacketIntake
internal import SystemPackage
internal import SystemSupport
internal import TextFormats
package import Timestamps

/// The recorded packets of one host in a span of time.
package struct PacketExcerpt: Sendable {
    /// A pcapng file.
    package private(set) var bytes: [UInt8] = []
    package private(set) var packets = 0
    /// Packets that did not fit into the limit.
    package private(set) var leftOut = 0

    /// The packets of the files are ordered by time to within this interval.
    private static let disorder = Interval.seconds(60)

    /// Reads the files of a recording, the oldest first; the latest one may still be written to.
    ///
    /// - Parameters:
    ///   - host: an end of each packet.
    ///   - limit: the greatest size in bytes, apart from the file's header.
    /// - Throws: if a file cannot be read.
    package init(
        of host: IPAddress, from: Timestamp, to: Timestamp, in recording: RecordingOptions,
        limit: Int
    ) throws(CaptureError) {
        guard let path = recording.path else { return }
        var decoder = PacketDecoder()
        var packet = Packet()
        var writer = PcapNGWriter(
            application: "lazaret \(Version.text)",
            comment: "packets of \(host), \(UTC.timestamp(from)) to \(UTC.timestamp(to))")
        let names = (0...recording.kept).map { $0 == 0 ? path : "\(path).\($0)" }
        // The times of packets are not later than that of the file.
        let wanted = names.reversed().compactMap { try? Files.status($0) }.filter {
            Timestamp(second: $0.st_mtim.tv_sec) + .seconds(1) >= from
        }
        // A file may be renamed while an earlier one is read.
        for facts in wanted {
            guard
                let file = names.first(where: {
                    (try? Files.status($0))?.inode == facts.inode
                })
            else { continue }
            let source = try FileCapture(paths: [file])
            var isOver = false
            while !isOver {
                let isMore = try source.nextBatch { frames in
                    for index in frames.indices {
                        let frame = frames[index]
                        isOver = isOver || frame.time > to + Self.disorder
                        guard (from...to).contains(frame.time) else { continue }
                        // Frames of one file may have several link types, and tags and tunnels.
                        decoder.decode(frame, into: &packet)
                        guard
                            [packet.source, packet.destination, packet.outerSource]
                                .contains(host)
                        else { continue }
                        if writer.bytes.count + PcapNGBlock.length(of: frame) > limit {
                            leftOut += 1
                        } else {
                            writer.add(frame)
                            packets += 1
                        }
                    }
                }
                if !isMore { break }
            }
        }
        bytes = writer.bytes
    }
}
