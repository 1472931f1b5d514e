extension IsolationForest {
    /// The first four bytes of every encoding: "IFOR".
    static var mark: UInt32 { 0x524F_4649 }
    static var version: UInt16 { 1 }
    /// Mark, version, two bytes of zero, byte count, CRC-32 of what follows.
    static var headerSize: Int { 16 }

    /// The forest as bytes; the same forest gives the same bytes.
    public func encoded() -> [UInt8] {
        var out = Encoder()
        out.append(UInt32(columnCount))
        out.append(UInt32(sampleSize))
        out.append(UInt32(heightLimit))
        out.append(UInt32(treeCount))
        for value in resolution.prefix(columnCount) { out.append(value.bitPattern) }
        for value in fill { out.append(value.bitPattern) }
        for tree in 0..<treeCount {
            let range = Int(treeStarts[tree])..<Int(treeStarts[tree + 1])
            out.append(UInt32(range.count))
            for place in range {
                out.append(nodes[place].threshold.bitPattern)
                out.append(UInt32(nodes[place].column) << 16 | UInt32(nodes[place].left))
                out.append(UInt32(rowCounts[place]))
                for side in 0..<2 {
                    for column in 0..<columnCount {
                        let vector = (place * 2 + side) * vectorCount + column / 8
                        out.append(boxes[vector][column % 8].bitPattern)
                    }
                }
            }
        }
        var header = Encoder()
        header.append(Self.mark)
        header.append(UInt32(Self.version))
        header.append(UInt32(out.bytes.count + Self.headerSize))
        header.append(Checksum.crc32(out.bytes[...]))
        return header.bytes + out.bytes
    }

    /// Reads a forest that `encoded()` wrote.
    ///
    /// - Throws: `.truncated`, `.foreign`, `.unknownVersion`, `.damaged` or `.malformed`; memory is
    ///   taken only for what the bytes really hold.
    public init(decoding bytes: [UInt8]) throws(ForestError) {
        var input = Decoder(bytes: bytes)
        guard try input.word() == Self.mark else { throw .foreign }
        let version = try input.word()
        guard version == UInt32(Self.version) else {
            throw .unknownVersion(UInt16(truncatingIfNeeded: version))
        }
        let byteCount = Int(try input.word())
        guard byteCount <= bytes.count else {
            throw .truncated(needed: byteCount, got: bytes.count)
        }
        guard byteCount == bytes.count else { throw .malformed("byte count") }
        guard try input.word() == Checksum.crc32(bytes[Self.headerSize...]) else { throw .damaged }
        let columnCount = try input.count(in: 1...4096, "column count")
        let sampleSize = try input.count(in: 2...32_768, "sample size")
        let heightLimit = try input.count(in: 1...64, "height limit")
        let treeCount = try input.count(in: 1...65_535, "tree count")
        let resolution = try input.floats(columnCount, "resolution")
        guard resolution.allSatisfy({ $0 >= 0 }) else { throw .malformed("resolution") }
        let fill = try input.floats(columnCount, "fill")
        var trees: [Tree] = []
        for _ in 0..<treeCount {
            trees.append(try Tree(from: &input, columnCount, sampleSize, heightLimit))
        }
        guard input.place == bytes.count else { throw .malformed("byte count") }
        self.init(
            trees: trees, columnCount: columnCount, sampleSize: sampleSize,
            heightLimit: heightLimit, resolution: resolution, fill: fill)
    }
}

extension Tree {
    init(
        from input: inout Decoder, _ columnCount: Int, _ sampleSize: Int, _ heightLimit: Int
    ) throws(ForestError) {
        let count = try input.count(in: 1...(2 * sampleSize - 1), "node count")
        guard (input.bytes.count - input.place) / (12 + 8 * columnCount) >= count else {
            throw .malformed("node count")
        }
        let width = (columnCount + 7) / 8
        depths = [UInt8](repeating: 0, count: count)
        var next = 1
        for place in 0..<count {
            let threshold = Float(bitPattern: try input.word())
            let packed = try input.word()
            let node = IsolationForest.Node(
                threshold: threshold, column: UInt16(packed >> 16),
                left: UInt16(truncatingIfNeeded: packed))
            rowCounts.append(UInt16(try input.count(in: 1...sampleSize, "row count")))
            nodes.append(node)
            if node.isLeaf(at: place) {
                guard node == .leaf(at: place) else { throw .malformed("leaf") }
            } else {
                let left = Int(node.left)
                guard left > place, left + 1 < count, threshold.isFinite,
                    node.column < columnCount, Int(depths[place]) < heightLimit
                else { throw .malformed("node") }
                depths[left] = depths[place] + 1
                depths[left + 1] = depths[place] + 1
                next += 2
            }
            for _ in 0..<2 {
                var side = [SIMD8<Float>](repeating: .zero, count: width)
                let values = try input.floats(columnCount, "box")
                for column in 0..<columnCount { side[column / 8][column % 8] = values[column] }
                boxes += side
            }
        }
        guard next == count else { throw .malformed("node count") }
    }
}

struct Encoder {
    var bytes: [UInt8] = []

    mutating func append(_ value: UInt32) {
        for shift in stride(from: 0, to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
        }
    }
}

struct Decoder {
    let bytes: [UInt8]
    var place = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    mutating func word() throws(ForestError) -> UInt32 {
        guard bytes.count - place >= 4 else {
            throw .truncated(needed: place + 4, got: bytes.count)
        }
        var value: UInt32 = 0
        for byte in 0..<4 { value |= UInt32(bytes[place + byte]) << UInt32(8 * byte) }
        place += 4
        return value
    }

    mutating func count(in range: ClosedRange<Int>, _ name: String) throws(ForestError) -> Int {
        let value = Int(try word())
        guard range.contains(value) else { throw .malformed(name) }
        return value
    }

    mutating func floats(_ count: Int, _ name: String) throws(ForestError) -> [Float] {
        guard (bytes.count - place) / 4 >= count else { throw .malformed(name) }
        var values: [Float] = []
        for _ in 0..<count {
            let value = Float(bitPattern: try word())
            guard abs(value) <= IsolationForest.largest else { throw .malformed(name) }
            values.append(value)
        }
        return values
    }
}

/// CRC-32 of IEEE 802.3.
enum Checksum {
    private static let table: [UInt32] = (0..<256).map { byte in
        (0..<8).reduce(UInt32(byte)) { value, _ in
            value & 1 == 1 ? 0xEDB8_8320 ^ (value >> 1) : value >> 1
        }
    }

    static func crc32(_ bytes: ArraySlice<UInt8>) -> UInt32 {
        ~bytes.reduce(~0) { table[Int(UInt8(truncatingIfNeeded: $0) ^ $1)] ^ ($0 >> 8) }
    }
}
