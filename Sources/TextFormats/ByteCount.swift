/// A number of bytes with a unit: `512KiB`, `100MiB`, `2GiB`. A number without a unit is refused,
/// because it is ambiguous.
public struct ByteCount: Sendable, Equatable, CustomStringConvertible {
    public var bytes: Int

    private static let units: [(name: String, bytes: Int)] = [
        ("TiB", 1 << 40), ("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1),
    ]

    public init(bytes: Int) { self.bytes = bytes }

    public init?(_ text: String) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        let rest = text.dropFirst(digits.count).drop { $0 == " " }
        guard let number = Int(digits), let unit = Self.units.first(where: { $0.name == rest }),
            number <= Int.max / unit.bytes
        else { return nil }
        bytes = number * unit.bytes
    }

    public var description: String {
        let unit = Self.units.first { bytes.isMultiple(of: $0.bytes) } ?? ("B", 1)
        return "\(bytes / unit.bytes)\(unit.name)"
    }
}
