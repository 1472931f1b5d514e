/// Why a forest could not be fitted or read.
public enum ForestError: Error, Equatable, Sendable {
    /// Fewer than two rows, no columns, or a buffer that is not a whole number of rows.
    case badShape(valueCount: Int, columnCount: Int)
    /// An option outside its range; the name is that of the property of `Options`.
    case badOption(String)
    /// The bytes end before the encoding does.
    case truncated(needed: Int, got: Int)
    /// The bytes do not start with the mark of an encoded forest.
    case foreign
    /// The encoding is of a version that this library does not read.
    case unknownVersion(UInt16)
    /// The content does not match its checksum.
    case damaged
    /// The checksum holds, but the content is no forest; the text names the first field that is
    /// wrong.
    case malformed(String)
}
