/// Appends little-endian numbers and length-prefixed text.
struct ByteWriter {
    var bytes: [UInt8] = []

    mutating func put(_ value: UInt32) {
        bytes.append(UInt8(truncatingIfNeeded: value))
        bytes.append(UInt8(truncatingIfNeeded: value >> 8))
        bytes.append(UInt8(truncatingIfNeeded: value >> 16))
        bytes.append(UInt8(truncatingIfNeeded: value >> 24))
    }

    mutating func put(_ value: UInt64) {
        put(UInt32(truncatingIfNeeded: value))
        put(UInt32(truncatingIfNeeded: value >> 32))
    }

    mutating func put(_ text: String) {
        put(UInt32(text.utf8.count))
        bytes += text.utf8
    }
}

/// Reads what `ByteWriter` wrote; throws if the input is too short or a value is out of range.
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
        guard bytes.endIndex - offset >= 4 else { throw .damaged("cut short") }
        defer { offset += 4 }
        return UInt32(bytes[offset]) | UInt32(bytes[offset + 1]) << 8
            | UInt32(bytes[offset + 2]) << 16 | UInt32(bytes[offset + 3]) << 24
    }

    mutating func uint64() throws(ModelError) -> UInt64 {
        guard bytes.endIndex - offset >= 8 else { throw .damaged("cut short") }
        let low = try uint32()
        return UInt64(low) | UInt64(try uint32()) << 32
    }

    /// Text of at most 64 KiB: names of files, workloads and networks.
    mutating func text() throws(ModelError) -> String {
        let size = try count(ofSize: 1, limit: 65_536, "a text")
        return String(decoding: try take(size), as: UTF8.self)
    }

    /// A number of items, each of at least `size` bytes. Rejected before memory is allocated if the
    /// file is too short for them, or if it exceeds `limit`.
    mutating func count(
        ofSize size: Int, limit: Int, _ name: String
    ) throws(ModelError) -> Int {
        let count = Int(try uint32())
        guard count <= (bytes.endIndex - offset) / size else {
            throw .damaged("claims more items than it has bytes for")
        }
        guard count <= limit else { throw .damaged("\(name) has more than \(limit) parts") }
        return count
    }

    /// A whole number within `range`.
    mutating func integer(
        in range: ClosedRange<Int64>, _ name: String
    ) throws(ModelError) -> Int64 {
        let value = Int64(bitPattern: try uint64())
        guard range.contains(value) else { throw .damaged("\(name) is out of range") }
        return value
    }

    /// A number within `range`; NaN and infinities are refused.
    mutating func double(
        in range: ClosedRange<Double>, _ name: String
    ) throws(ModelError) -> Double {
        let value = Double(bitPattern: try uint64())
        guard range.contains(value) else { throw .damaged("\(name) is out of range") }
        return value
    }

    /// A number within `range`; NaN and infinities are refused.
    mutating func float(
        in range: ClosedRange<Float>, _ name: String
    ) throws(ModelError) -> Float {
        let value = Float(bitPattern: try uint32())
        guard range.contains(value) else { throw .damaged("\(name) is out of range") }
        return value
    }
}
