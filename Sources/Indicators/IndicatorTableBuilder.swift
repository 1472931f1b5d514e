public import NetworkAddresses

/// Collects the entries of lists, and makes a table of those that may be used.
public struct IndicatorTableBuilder: ~Copyable {
    /// Why an entry is not used.
    public enum Refusal: String, Sendable, CaseIterable {
        case overBroad = "over-broad (wider than /16, or /32 of IPv6)"
        case special = "private, loopback, link-local, multicast or reserved"
        case exempt = "your own, protected or allowed"
        case shared = "a top-level or registry's domain"
        case unreadable = "unreadable"
        case tooLong = "a line that is too long"
        case unsupported = "not of a supported kind"
        case notForDetection = "not meant for detection (to_ids)"
        case revoked = "deleted, revoked or expired"
        case otherVersion = "of another version"
    }

    /// The most entries of all lists together.
    public static let mostEntries = 4_000_000

    private var sources: [ListSource] = []
    private var book = ListingSets()
    private var names: NameTable
    private var v4: [RangeTable<UInt32>.Entry] = []
    private var v6: [RangeTable<UInt128>.Entry] = []
    private let exempt: [IPPrefix]
    /// The number of entries so far.
    public private(set) var count = 0
    private var lastListing: (listing: Listing, number: UInt32)?

    /// - Parameters:
    ///   - exempt: addresses that are never indicators.
    ///   - generation: another one than that of the tables before.
    public init(exempt: [IPPrefix], generation: UInt8, key: UInt64) {
        // Special addresses are refused in any case.
        self.exempt = exempt.filter { !$0.hasSpecialAddress || $0.isWide }
        names = NameTable(key: key, generation: generation)
    }

    /// Whether no further entry is taken.
    public var isFull: Bool { count >= Self.mostEntries }

    /// Begins a list; nil if there are too many.
    public mutating func add(_ source: ListSource) -> UInt16? {
        guard sources.count < Int(UInt16.max) else { return nil }
        sources.append(source)
        return UInt16(sources.count - 1)
    }

    /// Adds an address or a prefix.
    ///
    /// - Returns: why it is not used; nil: it is.
    public mutating func add(_ prefix: IPPrefix, _ listing: Listing) -> Refusal? {
        // 0.0.0.0/0 is wide before it is anything else.
        if prefix.isWide { return .overBroad }
        if prefix.hasSpecialAddress { return .special }
        if exempt.contains(where: { $0.contains(prefix) }) { return .exempt }
        var listing = listing
        listing.length = UInt8(prefix.length)
        let number = number(of: listing)
        if prefix.address.isIPv4 {
            let (start, end) = prefix.v4Range
            v4.append(.init(start: start, end: end, listing: number))
        } else {
            let (start, end) = prefix.v6Range
            v6.append(.init(start: start, end: end, listing: number))
        }
        count += 1
        return nil
    }

    /// Adds a name, which stands for all names below it, too.
    ///
    /// - Parameter text: as in `NameText.wire`.
    public mutating func add(name text: ArraySlice<UInt8>, _ listing: Listing) -> Refusal? {
        guard let (name, labels) = NameText.wire(text) else { return .unreadable }
        if NameText.isShared(name, labels: labels) { return .shared }
        let number = number(of: listing)
        guard names.add(name.span, labels: labels, number, &book) else { return .unsupported }
        count += 1
        return nil
    }

    private mutating func number(of listing: Listing) -> UInt32 {
        if let lastListing, lastListing.listing == listing { return lastListing.number }
        let number = book.number(of: listing)
        lastListing = (listing, number)
        return number
    }

    /// Takes over what a table has of a list whose file cannot be read now.
    public mutating func keep(_ source: UInt16, as own: UInt16, from table: IndicatorTable) {
        // One at a time, because the closures may not change the builder.
        var prefixes: [(IPPrefix, Listing)] = []
        table.forEachPrefix(of: source) { prefixes.append(($0, $1)) }
        for (prefix, listing) in prefixes {
            var listing = listing
            listing.source = own
            _ = add(prefix, listing)
        }
        var kept: [(ArraySlice<UInt8>, Listing)] = []
        table.forEachName(of: source) { kept.append(($0, $1)) }
        for (name, listing) in kept {
            var listing = listing
            listing.source = own
            let number = number(of: listing)
            _ = names.add(Array(name).span, labels: Self.labels(of: name), number, &book)
            count += 1
        }
    }

    private static func labels(of name: ArraySlice<UInt8>) -> Int {
        var count = 0
        var at = name.startIndex
        while at < name.endIndex {
            at += Int(name[at]) + 1
            count += 1
        }
        return count
    }

    /// The table.
    public consuming func build() -> IndicatorTable {
        for prefix in exempt {
            if prefix.address.isIPv4 {
                let (start, end) = prefix.v4Range
                v4.append(.init(start: start, end: end, listing: nil))
            } else {
                let (start, end) = prefix.v6Range
                v6.append(.init(start: start, end: end, listing: nil))
            }
        }
        let v4Table = RangeTable(v4, &book)
        v4 = []
        let v6Table = RangeTable(v6, &book)
        v6 = []
        book.seal()
        names.seal()
        return IndicatorTable(
            sources: sources, names: names, v4: v4Table, v6: v6Table, book: book)
    }
}
