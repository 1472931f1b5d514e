extension IsolationForest {
    // The format, versions 1 and 2; integers and floats are little-endian.
    // `docs/isolation-forest.md` has it as a table.
    //
    //     header   "IFOR", version 2 bytes, zero 2 bytes, byte count 4 bytes, CRC-32 of the rest
    //     shape    columns, sample size, height limit, trees: 4 bytes each
    //     columns  resolution of each, then what NaN counts as in each
    //     tree     its nodes, a parent before its left and then its right child:
    //                split  varint 2 × column, threshold
    //                leaf   varint 2 × rows + 1
    //              then its boxes, of every node that has one by the rule of `Box`, in the order of
    //              the nodes' places: a mask of 2 × columns bits, the lowest first, set where the
    //              centre or (second half) half extent differs from that of the box above, or from
    //              0 for the first; and the values of those that are set.
    //
    // Version 2 is that of forests with references. Only every fourth tree has boxes, from the
    // first on, and after the trees comes
    //
    //     references  their count, the usual square distance; of each column the mean, then the
    //                 inverse of its spread; of each reference the square of its floor, and its
    //                 squashed values in units of 2⁻¹³, 2 bytes each

    /// The first four bytes of every encoding: "IFOR".
    static var mark: UInt32 { 0x524F_4649 }
    static var version: UInt16 { 1 }
    /// The version of forests with references.
    static var versionWithReferences: UInt16 { 2 }
    static var headerSize: Int { 16 }

    /// Encodes the forest; the same forest yields the same bytes.
    ///
    /// A forest whose encoding would reach 4 GiB cannot be encoded; with the default options and 40
    /// columns it has about half a megabyte.
    public func encoded() -> [UInt8] {
        var out = Encoder()
        for number in [columnCount, sampleSize, heightLimit, treeCount] {
            out.append(UInt32(number))
        }
        for half in 0..<2 {
            for column in 0..<columnCount {
                out.append(columns[half * vectorCount + column / 8][column % 8])
            }
        }
        for tree in 0..<treeCount {
            encodeNodes(from: 0, start: Int(treeStarts[tree]), to: &out)
            guard Self.hasBoxes(tree: tree, ofReferences: references != nil) else { continue }
            encodeBoxes(Int(treeStarts[tree])..<Int(treeStarts[tree + 1]), to: &out)
        }
        references?.encode(to: &out)
        precondition(out.bytes.count + Self.headerSize < 1 << 32, "4 GiB or more")
        var header = Encoder()
        header.append(Self.mark)
        header.append(UInt32(references == nil ? Self.version : Self.versionWithReferences))
        header.append(UInt32(out.bytes.count + Self.headerSize))
        header.append(Checksum.crc32(out.bytes[...]))
        return header.bytes + out.bytes
    }

    private func encodeNodes(from place: Int, start: Int, to out: inout Encoder) {
        let node = nodes[start + place]
        guard !node.isLeaf(at: place) else {
            return out.append(varint: 2 * Int(rowCounts[start + place]) + 1)
        }
        out.append(varint: 2 * Int(node.column))
        out.append(node.threshold)
        encodeNodes(from: Int(node.left), start: start, to: &out)
        encodeNodes(from: Int(node.left) + 1, start: start, to: &out)
    }

    private func encodeBoxes(_ range: Range<Int>, to out: inout Encoder) {
        let owners = Box.owners(nodes: nodes[range], rows: Array(rowCounts[range]))
        for (place, parent) in Box.parents(nodes: nodes[range], owners: owners) {
            encode(
                box: Int(boxNumbers[range.lowerBound + place]),
                inside: parent.map { Int(boxNumbers[range.lowerBound + $0]) }, to: &out)
        }
    }

    private func encode(box: Int, inside parent: Int?, to out: inout Encoder) {
        var mask = [UInt8](repeating: 0, count: (2 * columnCount + 7) / 8)
        var values = Encoder()
        for number in 0..<(2 * columnCount) {
            let value = self.value(number, ofBox: box)
            let above = parent.map { self.value(number, ofBox: $0) } ?? 0
            guard value.bitPattern != above.bitPattern else { continue }
            mask[number / 8] |= 1 << UInt8(number % 8)
            values.append(value)
        }
        out.bytes += mask
        out.bytes += values.bytes
    }

    /// The centre's values, then the half extent's.
    private func value(_ number: Int, ofBox box: Int) -> Float {
        let column = number % columnCount
        let vector = box * vectorCount + column / 8
        return number < columnCount
            ? boxes[3 * vector][column % 8] : boxHalves[vector][column % 8]
    }
}

struct Encoder {
    var bytes: [UInt8] = []

    mutating func append(_ value: UInt32) {
        for shift in stride(from: 0, to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
        }
    }

    mutating func append(_ value: Int16) {
        let bits = UInt16(bitPattern: value)
        bytes.append(UInt8(truncatingIfNeeded: bits))
        bytes.append(UInt8(bits >> 8))
    }

    mutating func append(_ value: Float) { append(value.bitPattern) }

    /// Appends seven bits per byte, the lowest first; the high bit is set if more bytes follow.
    mutating func append(varint value: Int) {
        var rest = value
        while rest > 127 {
            bytes.append(UInt8(rest & 127 | 128))
            rest >>= 7
        }
        bytes.append(UInt8(rest))
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
