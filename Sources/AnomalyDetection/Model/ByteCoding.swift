/// Appends little-endian numbers and length-prefixed text.
struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func put(_ value: UInt32) {
        for shift in stride(from: 0, to: 32, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> UInt32(shift)))
        }
    }

    mutating func put(_ value: UInt64) {
        put(UInt32(truncatingIfNeeded: value))
        put(UInt32(truncatingIfNeeded: value >> 32))
    }

    mutating func put(_ text: String) {
        put(UInt32(text.utf8.count))
        bytes += Array(text.utf8)
    }
}

/// Reads what `ByteWriter` wrote, and refuses what is not there.
struct ByteReader {
    let bytes: ArraySlice<UInt8>
    var offset: Int

    var isAtEnd: Bool { offset == bytes.endIndex }

    mutating func take(_ count: Int) throws(ModelError) -> ArraySlice<UInt8> {
        guard count >= 0, count <= bytes.endIndex - offset else { throw .damaged("cut short") }
        defer { offset += count }
        return bytes[offset..<(offset + count)]
    }

    mutating func uint32() throws(ModelError) -> UInt32 {
        try take(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }

    mutating func uint64() throws(ModelError) -> UInt64 {
        try take(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    mutating func text() throws(ModelError) -> String {
        String(decoding: try take(Int(try uint32())), as: UTF8.self)
    }

    /// A number of items, each of `size` bytes at least: refused before memory is taken for what
    /// cannot be there.
    mutating func count(ofSize size: Int) throws(ModelError) -> Int {
        let count = Int(try uint32())
        guard count <= (bytes.endIndex - offset) / size else {
            throw .damaged("claims more items than it has bytes for")
        }
        return count
    }
}
