/// Why a forest could not be fitted or read.
public enum ForestError: Error, Equatable, Sendable {
    /// Fewer than two rows, no columns, or a buffer that is not a whole number of rows.
    case badShape(valueCount: Int, columnCount: Int)
    /// An option outside its range; the name is that of the property of `Options`.
    case badOption(String)
    /// The bytes end before the encoding does.
    case truncated(needed: Int, got: Int)
    /// The bytes do not start with the marker of an encoded forest.
    case foreign
    /// The encoding has a version that this library does not support.
    case unknownVersion(UInt16)
    /// The content does not match its checksum.
    case damaged
    /// The checksum is valid, but the content is not a forest; the text names the first invalid
    /// field.
    case malformed(String)
}
