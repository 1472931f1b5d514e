extension IsolationForest {
    /// Decodes a forest that `encoded()` wrote.
    ///
    /// Memory is allocated only for the bytes that exist, never for the counts that they claim.
    ///
    /// - Throws: `.foreign`, `.unknownVersion`, `.truncated`, `.damaged`, or `.malformed` for bytes
    ///   with a valid checksum that are not an encoded forest.
    public convenience init(decoding bytes: [UInt8]) throws(ForestError) {
        var input = Decoder(bytes: bytes)
        guard try input.word() == Self.mark else { throw .foreign }
        let version = try input.word()
        let number = UInt16(truncatingIfNeeded: version)
        guard number == Self.version || number == Self.versionWithReferences else {
            throw .unknownVersion(number)
        }
        guard version >> 16 == 0 else { throw .malformed("header") }
        let byteCount = Int(try input.word())
        guard byteCount <= bytes.count else {
            throw .truncated(needed: byteCount, got: bytes.count)
        }
        guard byteCount == bytes.count else { throw .malformed("byte count") }
        let checksum = try input.word()
        guard checksum == Checksum.crc32(bytes[Self.headerSize...]) else { throw .damaged }
        try self.init(content: &input, hasReferences: number == Self.versionWithReferences)
    }

    /// Decodes the content after the header.
    private convenience init(
        content input: inout Decoder, hasReferences: Bool
    ) throws(ForestError) {
        let columnCount = try input.count(in: 1...4096, "column count")
        let sampleSize = try input.count(in: 2...32_768, "sample size")
        let heightLimit = try input.count(in: 1...64, "height limit")
        let treeCount = try input.count(in: 1...65_535, "tree count")
        guard treeCount * sampleSize <= Self.mostRows else { throw .malformed("tree count") }
        let resolution = try input.floats(columnCount, "resolution")
        guard resolution.allSatisfy({ $0.sign == .plus }) else { throw .malformed("resolution") }
        let fill = try input.floats(columnCount, "unknown values")
        var trees: [Tree] = []
        for number in 0..<treeCount {
            var reader = TreeReader(columnCount: columnCount, heightLimit: heightLimit)
            reader.tree.hasBoxes = Self.hasBoxes(tree: number, ofReferences: hasReferences)
            trees.append(try reader.read(from: &input, sampleSize: sampleSize))
        }
        let references =
            hasReferences ? try References(from: &input, columnCount: columnCount) : nil
        guard input.isAtEnd else { throw .malformed("byte count") }
        self.init(
            trees: trees, columnCount: columnCount, sampleSize: sampleSize,
            heightLimit: heightLimit, resolution: resolution, fill: fill, references: references)
    }
}

/// Reads one tree and checks what scoring relies on: node indices and columns in range, finite
/// values, row counts that add up, boxes without negative extent.
private struct TreeReader {
    let columnCount: Int
    let heightLimit: Int
    var tree = Tree()

    var width: Int { (columnCount + 7) / 8 }

    mutating func read(from input: inout Decoder, sampleSize: Int) throws(ForestError) -> Tree {
        tree.append(rows: 0, depth: 0)
        let rows = try readNode(at: 0, limit: sampleSize, from: &input)
        guard rows == sampleSize else { throw .malformed("row count") }
        try readBoxes(from: &input)
        return tree
    }

    /// Reads the node at an index that is already allocated, and all nodes below it; returns its
    /// row count.
    private mutating func readNode(
        at place: Int, limit: Int, from input: inout Decoder
    ) throws(ForestError) -> Int {
        let tag = try input.varint("node")
        if tag & 1 == 1 {
            guard (1...limit).contains(tag / 2) else { throw .malformed("row count") }
            tree.rowCounts[place] = UInt16(tag / 2)
            return tag / 2
        }
        let depth = Int(tree.depths[place])
        // Both children have at least one row, so `limit` also bounds the number of nodes.
        guard tag / 2 < columnCount, depth < heightLimit, limit >= 2 else {
            throw .malformed("split")
        }
        let threshold = try input.float("threshold")
        let left = tree.nodes.count
        tree.nodes[place] = .init(
            threshold: threshold, column: UInt16(tag / 2), left: UInt16(left))
        tree.append(rows: 0, depth: depth + 1)
        tree.append(rows: 0, depth: depth + 1)
        let below = try readNode(at: left, limit: limit - 1, from: &input)
        let above = try readNode(at: left + 1, limit: limit - below, from: &input)
        tree.rowCounts[place] = UInt16(below + above)
        return below + above
    }

    private mutating func readBoxes(from input: inout Decoder) throws(ForestError) {
        let owners = tree.boxOwners
        var boxOf = [Int](repeating: -1, count: owners.count)
        for (place, parent) in Box.parents(nodes: tree.nodes, owners: owners) {
            boxOf[place] = tree.boxes.count
            try readBox(inside: parent.map { boxOf[$0] }, from: &input)
        }
    }

    private mutating func readBox(
        inside parent: Int?, from input: inout Decoder
    ) throws(ForestError) {
        let box = tree.boxes.count
        let mask = try input.bytes((2 * columnCount + 7) / 8, "box")
        if let parent {
            tree.boxes += tree.boxes[parent..<(parent + 2 * width)]
        } else {
            tree.boxes += repeatElement(.zero, count: 2 * width)
        }
        for number in 0..<(8 * mask.count) {
            guard mask[mask.startIndex + number / 8] >> (number % 8) & 1 == 1 else { continue }
            guard number < 2 * columnCount else { throw .malformed("box") }
            let column = number % columnCount
            let vector = box + number / columnCount * width + column / 8
            let value = try input.float("box")
            guard value.bitPattern != tree.boxes[vector][column % 8].bitPattern else {
                throw .malformed("box")
            }
            tree.boxes[vector][column % 8] = value
        }
        guard (0..<width).allSatisfy({ all(tree.boxes[box + width + $0] .>= 0) }) else {
            throw .malformed("box")
        }
    }
}

struct Decoder {
    private let bytes: [UInt8]
    private var place = 0

    init(bytes: [UInt8]) { self.bytes = bytes }

    var isAtEnd: Bool { place == bytes.count }

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

    /// A number below 2²¹, in its shortest form.
    mutating func varint(_ name: String) throws(ForestError) -> Int {
        var value = 0
        for shift in [0, 7, 14] {
            guard place < bytes.count else { throw .malformed(name) }
            let byte = Int(bytes[place])
            place += 1
            value |= (byte & 127) << shift
            guard byte > 127 else {
                guard byte > 0 || shift == 0 else { throw .malformed(name) }
                return value
            }
        }
        throw .malformed(name)
    }

    mutating func float(_ name: String) throws(ForestError) -> Float {
        guard bytes.count - place >= 4 else { throw .malformed(name) }
        let value = Float(bitPattern: try word())
        guard abs(value) <= IsolationForest.largest else { throw .malformed(name) }
        return value
    }

    mutating func floats(_ count: Int, _ name: String) throws(ForestError) -> [Float] {
        guard (bytes.count - place) / 4 >= count else { throw .malformed(name) }
        var values: [Float] = []
        values.reserveCapacity(count)
        for _ in 0..<count { values.append(try float(name)) }
        return values
    }

    mutating func int16s(_ count: Int, _ name: String) throws(ForestError) -> [Int16] {
        let bytes = try self.bytes(2 * count, name)
        return (0..<count).map { number in
            let place = bytes.startIndex + 2 * number
            return Int16(bitPattern: UInt16(bytes[place]) | UInt16(bytes[place + 1]) << 8)
        }
    }

    mutating func bytes(_ count: Int, _ name: String) throws(ForestError) -> ArraySlice<UInt8> {
        guard bytes.count - place >= count else { throw .malformed(name) }
        place += count
        return bytes[(place - count)..<place]
    }
}
