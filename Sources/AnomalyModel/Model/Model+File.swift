import BaselineGraph
import Digests
import FeatureExtraction
import IsolationForest
import NetworkAddresses
import Workloads
import Timestamps

extension Model {
    /// The version of the file's layout.
    public static let formatVersion = 4

    private static let magic = [UInt8]("LAZARET MODEL\n".utf8)
    private static let digestSize = 32
    private static let endOfManifest: UInt8 = 0
    /// The greatest size of a model file in bytes, with a margin over the largest graph with long
    /// names.
    public static let largestFile = 512 << 20

    /// Encodes the model as a file: a magic line, the version, the readable manifest up to a zero
    /// byte, the contents, and the SHA-256 of everything before it. The same model yields the same
    /// bytes.
    public func encoded() -> [UInt8] {
        var writer = ByteWriter()
        writer.bytes = Self.magic
        writer.put(UInt32(Self.formatVersion))
        writer.bytes += Array(manifest.utf8) + [Self.endOfManifest]
        writer.put(UInt32(FeatureSchema.version))
        writer.put(provenance)
        let largest = ForkJoin.map(1 + scales.count, threads: 2) { index in
            var part = ByteWriter()
            if index == 0 { part.put(graph) } else { part.put(scales[index - 1]) }
            return part.bytes
        }
        for part in largest { writer.bytes += part }
        writer.put(minutes)
        writer.put(times)
        writer.put(arriving)
        return writer.bytes + SHA256.hash(writer.bytes.span)
    }

    /// Decodes a model file.
    ///
    /// - Throws: `.notAModel`, `.newerVersion`, `.olderVersion`, `.otherSchema` or `.damaged`, each
    ///   with what to do.
    public init(decoding bytes: [UInt8]) throws(ModelError) {
        guard bytes.starts(with: Self.magic) else { throw .notAModel }
        guard bytes.count > Self.magic.count + 4 + Self.digestSize else {
            throw .damaged("cut short")
        }
        var reader = ByteReader(
            bytes: bytes[..<(bytes.count - Self.digestSize)], offset: Self.magic.count)
        let version = Int(try reader.uint32())
        guard version <= Self.formatVersion else { throw .newerVersion(version) }
        guard version == Self.formatVersion else { throw .olderVersion(version) }
        let content = bytes.dropLast(Self.digestSize)
        let digest = SHA256.hash(content.span)
        guard digest[...] == bytes.suffix(Self.digestSize) else {
            throw .damaged("its SHA-256 does not match its contents")
        }
        guard let end = bytes[reader.offset...].firstIndex(of: Self.endOfManifest) else {
            throw .damaged("no end of the manifest")
        }
        reader.offset = end + 1
        let schema = Int(try reader.uint32())
        guard schema == FeatureSchema.version else { throw .otherSchema(schema) }
        provenance = try reader.provenance()
        let stored = try reader.storedGraph()
        // Each takes about half of the time.
        let rest = reader
        let (filled, decoded) = ForkJoin.both {
            CommunicationGraph(stored: stored)
        } _: {
            Result { () throws(ModelError) in try Learned(rest) }
        }
        guard let filled else {
            throw .damaged("the communication graph names what is not there")
        }
        graph = filled
        let learned = try decoded.get()
        scales = learned.scales
        minutes = learned.minutes
        times = learned.times
        arriving = learned.arriving
        identifier = digest.prefix(8).map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
    }

    /// What follows the graph in a file.
    private struct Learned {
        var scales: [ScaleModel] = []
        var minutes: MinuteModel?
        var times: TimeModel?
        var arriving: [String: Int]

        init(_ rest: ByteReader) throws(ModelError) {
            var reader = rest
            for _ in Scale.allCases { scales.append(try reader.scaleModel()) }
            minutes = try reader.minuteModel()
            times = try reader.timeModel()
            arriving = try reader.arriving()
            guard reader.isAtEnd else { throw .damaged("more bytes than its contents need") }
        }
    }

    /// The model with the identifier that its file has.
    public func identified() -> Model { identified(by: encoded()) }

    /// The same with a file that `encoded` returned.
    package func identified(by bytes: [UInt8]) -> Model {
        var model = self
        model.identifier = bytes.suffix(Self.digestSize).prefix(8)
            .map { ($0 < 16 ? "0" : "") + String($0, radix: 16) }.joined()
        return model
    }
}

extension ByteWriter {
    mutating func put(_ provenance: Model.Provenance) {
        put(UInt32(provenance.sources.count))
        for source in provenance.sources { put(source) }
        put(UInt64(bitPattern: provenance.first.nanoseconds))
        put(UInt64(bitPattern: provenance.last.nanoseconds))
        put(UInt64(provenance.packetCount))
        put(provenance.seed)
        put(provenance.falseAlarmsPerDay.bitPattern)
        put(provenance.inventoryDigest)
        put(provenance.inventory)
    }

    mutating func put(_ inventory: Inventory) {
        put(UInt32(inventory.workloads.count))
        for workload in inventory.workloads {
            put(workload.name)
            put(workload.image ?? "")
            put(UInt32(workload.addresses.count))
            for prefix in workload.addresses { put("\(prefix)") }
            put(UInt32(workload.macs.count))
            for mac in workload.macs { put(mac.value) }
        }
        put(UInt32(inventory.networks.count))
        for network in inventory.networks {
            put(network.name)
            put("\(network.prefix)")
            put(network.gateway.map { "\($0)" } ?? "")
        }
    }

    mutating func put(_ scale: Model.ScaleModel) {
        let groups = scale.baseline.groups.sorted { $0.key < $1.key }
        put(UInt32(groups.count))
        for (name, group) in groups {
            put(name)
            put(UInt64(group.windowCount))
            for value in group.median + group.p99 + group.largest { put(value.bitPattern) }
        }
        let calibration = scale.calibration
        put(UInt32(calibration.scores.count))
        for score in calibration.scores { put(score.bitPattern) }
        put(UInt64(calibration.blockCount))
        for value in [
            calibration.blocksPerDay, calibration.tailStart, calibration.tailShare,
            calibration.tailScale, calibration.tailShape,
        ] {
            put(value.bitPattern)
        }
        put(scale.threshold.bitPattern)
        put(UInt32(scale.learnedSeconds))
        put(scale.forest)
    }

    mutating func put(_ forest: IsolationForest) {
        let encoded = forest.encoded()
        put(UInt32(encoded.count))
        bytes += encoded
    }
}

extension ByteReader {
    mutating func provenance() throws(ModelError) -> Model.Provenance {
        var provenance = Model.Provenance()
        for _ in 0..<(try count(ofSize: 4, limit: 65_536, "the list of sources")) {
            provenance.sources.append(try text())
        }
        provenance.first = try time("the first packet's time")
        provenance.last = try time("the last packet's time")
        provenance.packetCount = Int(try integer(in: Self.counts, "the number of packets"))
        provenance.seed = try uint64()
        provenance.falseAlarmsPerDay = try double(in: 0...1e18, "the false-alarm budget")
        provenance.inventoryDigest = try text()
        provenance.inventory = try inventory()
        return provenance
    }

    mutating func inventory() throws(ModelError) -> Inventory {
        var workloads: [Inventory.Workload] = []
        for _ in 0..<(try count(ofSize: 16, limit: Self.most, "the inventory")) {
            let name = try text()
            let image = try text()
            var addresses: [IPPrefix] = []
            for _ in 0..<(try count(ofSize: 4, limit: Self.most, "a workload")) {
                guard let prefix = IPPrefix(try text()) else { throw .damaged("an address") }
                addresses.append(prefix)
            }
            var macs: [MACAddress] = []
            for _ in 0..<(try count(ofSize: 8, limit: Self.most, "a workload")) {
                macs.append(MACAddress(try uint64()))
            }
            workloads.append(
                Inventory.Workload(
                    name: name, image: image.isEmpty ? nil : image, addresses: addresses, macs: macs
                ))
        }
        var networks: [Inventory.Network] = []
        for _ in 0..<(try count(ofSize: 12, limit: Self.most, "the inventory")) {
            let name = try text()
            guard let prefix = IPPrefix(try text()) else { throw .damaged("a network's prefix") }
            networks.append(
                Inventory.Network(name: name, prefix: prefix, gateway: IPAddress(try text())))
        }
        do {
            return try Inventory(workloads: workloads, networks: networks)
        } catch {
            throw .damaged("\(error)")
        }
    }

    mutating func scaleModel() throws(ModelError) -> Model.ScaleModel {
        var groups: [String: GroupBaseline] = [:]
        let size = 12 + Feature.count * 12
        let groupCount = try count(ofSize: size, limit: Self.most, "the list of baselines")
        groups.reserveCapacity(groupCount)
        for _ in 0..<groupCount {
            let name = try text()
            groups[name] = try group()
        }
        guard groups[ScaleBaseline.node] != nil else {
            throw .damaged("the node's baseline is missing")
        }
        let calibration = try calibration()
        let threshold = try float(in: 0...Trainer.highestThreshold, "a threshold")
        let learnedSeconds = Int(try uint32())
        guard learnedSeconds <= Scale.long.seconds else { throw .damaged("a window's time") }
        return Model.ScaleModel(
            baseline: ScaleBaseline(groups: groups), calibration: calibration,
            threshold: threshold, learnedSeconds: learnedSeconds,
            forest: try forest())
    }

    mutating func forest() throws(ModelError) -> IsolationForest {
        let forest: IsolationForest
        do {
            let size = try count(ofSize: 1, limit: Self.largestForest, "a forest")
            forest = try IsolationForest(decoding: Array(try take(size)))
        } catch let error as ModelError {
            throw error
        } catch {
            throw .damaged("a forest: \(error)")
        }
        guard forest.columnCount == Feature.count else {
            throw .damaged("a forest has \(forest.columnCount) columns, not \(Feature.count)")
        }
        return forest
    }

    /// Reads a group's statistics: in the range of each feature's transform, and in rising order.
    private mutating func group() throws(ModelError) -> GroupBaseline {
        let windowCount = Int(try integer(in: Self.counts, "the windows of a baseline"))
        let rows = try risingRows(3)
        return GroupBaseline(
            windowCount: windowCount, median: rows[0], p99: rows[1], largest: rows[2])
    }

    /// Reads rows of transformed values, none of them below the row before.
    mutating func risingRows(_ count: Int) throws(ModelError) -> [[Float]] {
        var rows: [[Float]] = []
        rows.reserveCapacity(count)
        let ranges = Self.transformedRanges
        for number in 0..<count {
            var row: [Float] = []
            row.reserveCapacity(Feature.count)
            for column in 0..<Feature.count {
                let value = try float(in: ranges[column], "a baseline")
                guard number == 0 || rows[number - 1][column] <= value else {
                    throw .damaged("a baseline's numbers are not in order")
                }
                row.append(value)
            }
            rows.append(row)
        }
        return rows
    }

    /// By column, the range of transformed values.
    private static let transformedRanges: [ClosedRange<Float>] = FeatureSchema.table.map {
        $0.transform == .logarithmic ? 0...largestLogarithm : -1000...1000
    }

    /// Reads a calibration, with the values that `Calibration.init(blockMaxima:blocksPerDay:)` can
    /// produce.
    private mutating func calibration() throws(ModelError) -> Calibration {
        var scores: [Float] = []
        let count = try count(ofSize: 4, limit: Calibration.keptLimit, "the list of clean scores")
        for _ in 0..<count {
            scores.append(try float(in: (scores.last ?? 0)...1, "a clean score"))
        }
        return Calibration(
            scores: scores, blockCount: Int(try integer(in: Self.counts, "the blocks")),
            blocksPerDay: try double(in: 0...1e18, "the blocks of a day"),
            tailStart: try double(in: 0...100, "the tail's start"),
            tailShare: try double(in: 0...1, "the tail's share"),
            tailScale: try double(in: 0.001...1000, "the tail's scale"),
            tailShape: try double(in: -0.5...0.5, "the tail's shape"))
    }

    /// Accepted times in nanoseconds since 1970, up to the year 2116.
    private static var times: ClosedRange<Int64> { 0...(1 << 62) }
    static var counts: ClosedRange<Int64> { 0...(1 << 53) }
    /// The greatest number of workloads and of addresses.
    static var most: Int { 262_144 }
    /// The greatest size in bytes; a forest with the default options has half a megabyte.
    private static var largestForest: Int { 4 << 20 }
    /// The logarithm of 1 + the largest `Float`.
    static var largestLogarithm: Float { 88.73 }

    private mutating func time(_ name: String) throws(ModelError) -> Timestamp {
        Timestamp(nanoseconds: try integer(in: Self.times, name))
    }
}
