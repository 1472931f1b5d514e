public import AnomalyDetection
import Events
import Glibc
import NetworkAddresses
import PacketCapture
import PacketDecoding
import PacketIntake
internal import SystemPackage
public import SystemSupport
import TextFormats
import Timestamps

/// Extracts the packets of each incident from captures, into files of their own.
///
/// This is a second pass over the captures. At most `openLimit` files are open at a time, each with
/// a buffer of `bufferSize`. A file has a temporary name until it is complete.
public struct IncidentPcapExporter {
    /// How long before the first anomalous window packets are included.
    static let lead = Interval.seconds(2)
    private static let openLimit = 64
    /// The most files that are written: those of the first incidents.
    public static let fileLimit = 1000
    private static let bufferSize = 128 << 10

    /// One incident's file.
    private struct Slice {
        var path: String
        var comment: String
        var from: Timestamp
        var to: Timestamp
        var address: IPAddress
        var link: MACAddress?
        var packetCount = 0
        var isBegun = false
        var isWhole = false
    }

    /// An open file, and the data that waits to be written to it.
    private struct Handle {
        var file: Descriptor
        var writer: PcapNGWriter
        var lastUse: Int
    }

    private let folder: String
    private let version: String
    private var slices: [Slice]
    private var byAddress: [IPAddress: [Int]] = [:]
    private var byLink: [MACAddress: [Int]] = [:]
    private var open: [Int: Handle] = [:]
    /// The writers of files that are temporarily closed; they know which interfaces have been
    /// written.
    private var resting: [Int: PcapNGWriter] = [:]
    private var clock = 0

    /// Creates the folder with access for its owner only.
    ///
    /// - Throws: `.output` if it cannot be created.
    public init(_ incidents: [Incident], folder: String, version: String) throws {
        self.folder = folder
        self.version = version
        slices = incidents.prefix(Self.fileLimit).map { incident in
            Slice(
                path: incident.packetPath(in: folder),
                comment: "lazaret: \(incident.strongest.summary); offender \(incident.offender), "
                    + "event \(incident.eventID)",
                from: Timestamp(second: incident.windowStartSecond) - Self.lead,
                to: Timestamp(second: incident.lastWindowSecond + 1),
                address: incident.strongest.protects ?? incident.offender,
                link: incident.spoofingLink)
        }
        for (index, slice) in slices.enumerated() {
            byAddress[slice.address, default: []].append(index)
            if let link = slice.link { byLink[link, default: []].append(index) }
        }
        if let found = try? Files.status(folder) {
            guard found.type == .directory else {
                throw IOError.output(path: folder, reason: "is no directory; name one")
            }
            return
        }
        do { try Files.makeFolders(folder, permissions: .ownerReadWriteExecute) } catch {
            throw IOError(output: folder, error)
        }
    }

    /// Reads the captures and writes the files.
    ///
    /// - Returns: the path and the number of packets of each incident's file, in the order of the
    ///   incidents; nil if the incident has no packets.
    /// - Throws: `.output` with the file that cannot be written; errors of reading.
    public mutating func write(
        from paths: [String], filter: String, progress: ProgressReport? = nil
    ) throws -> [(path: String, packetCount: Int)?] {
        defer {
            open = [:]
            // Files that were not completed are deleted.
            for slice in slices where slice.isBegun && !slice.isWhole {
                try? Files.remove(slice.path + ".part")
            }
        }
        guard !slices.isEmpty else { return [] }
        var options = CaptureOptions()
        options.filter = filter
        options.linkTypes = LinkType.supported.map(\.rawValue)
        let capture = try FileCapture(paths: paths, options: options)
        let total = capture.totalBytes
        var decoder = PacketDecoder()
        var packet = Packet()
        var frames = 0
        defer { progress?.finish() }
        while let frame = try capture.next() {
            decoder.decode(frame, into: &packet)
            try take(frame, packet)
            frames += 1
            guard frames & 0x3FF == 0 else { continue }
            if Interruption.isRequested { throw CaptureError.interrupted }
            progress?.update(capture.statistics.fileBytes, of: total)
        }
        for index in Array(open.keys) { try rest(index) }
        return try slices.indices.map { index -> (path: String, packetCount: Int)? in
            let slice = slices[index]
            guard slice.packetCount > 0 else { return nil }
            let part = slice.path + ".part"
            do throws(Errno) {
                let file = Descriptor(try OpenFile(part, .writeOnly, [.noFollow]))
                try file.file.sync()
                try Files.rename(part, to: slice.path)
            } catch { throw IOError(output: slice.path, error) }
            slices[index].isWhole = true
            return (slice.path, slice.packetCount)
        }
    }

    private mutating func take(_ frame: CapturedFrame, _ packet: Packet) throws {
        guard packet.kind != .other else { return }
        let time = frame.time
        var taken: [Int] = []
        func consider(_ candidates: [Int]?) {
            for index in candidates ?? []
            where time >= slices[index].from && time < slices[index].to && !taken.contains(index) {
                taken.append(index)
            }
        }
        consider(byAddress[packet.source])
        consider(byAddress[packet.destination])
        if !byLink.isEmpty {
            consider(byLink[packet.sourceMAC])
            consider(byLink[packet.destinationMAC])
        }
        for index in taken { try add(frame, to: index) }
    }

    private mutating func add(_ frame: CapturedFrame, to index: Int) throws {
        if open[index] == nil { try begin(index) }
        clock += 1
        slices[index].packetCount += 1
        open[index]?.lastUse = clock
        open[index]?.writer.add(frame)
        if open[index]?.writer.bytes.count ?? 0 >= Self.bufferSize { try flush(index) }
    }

    /// Opens a file, for the first time or again. At the limit, the least recently used one is
    /// closed.
    private mutating func begin(_ index: Int) throws {
        if open.count >= Self.openLimit,
            let oldest = open.min(by: { $0.value.lastUse < $1.value.lastUse })?.key
        {
            try rest(oldest)
        }
        let path = slices[index].path + ".part"
        // An existing file or link of this name must not receive the packets.
        if !slices[index].isBegun { try? Files.remove(path) }
        let file: OpenFile
        do {
            file = try OpenFile(
                path, .writeOnly,
                slices[index].isBegun
                    ? [.append, .noFollow] : [.append, .noFollow, .create, .exclusiveCreate])
        } catch { throw IOError(output: path, error) }
        let writer =
            resting.removeValue(forKey: index)
            ?? PcapNGWriter(application: "lazaret \(version)", comment: slices[index].comment)
        slices[index].isBegun = true
        open[index] = Handle(file: Descriptor(file), writer: writer, lastUse: clock)
    }

    private mutating func rest(_ index: Int) throws {
        try flush(index)
        guard let handle = open.removeValue(forKey: index) else { return }
        resting[index] = handle.writer
    }

    private mutating func flush(_ index: Int) throws {
        guard let handle = open[index] else { return }
        let bytes = handle.writer.bytes
        open[index]?.writer.bytes = []
        do { try handle.file.file.write(bytes) } catch {
            throw IOError(output: slices[index].path, error)
        }
    }
}
