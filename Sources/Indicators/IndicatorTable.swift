public import NetworkAddresses

/// Addresses, prefixes and names from lists of indicators, in compact sorted tables that do not
/// change. A look-up allocates nothing.
public final class IndicatorTable: Sendable {
    /// The lists, by the number in a listing.
    public let sources: [ListSource]
    public let names: NameTable
    private let v4: RangeTable<UInt32>
    private let v6: RangeTable<UInt128>
    private let book: ListingSets

    init(
        sources: [ListSource], names: NameTable, v4: RangeTable<UInt32>, v6: RangeTable<UInt128>,
        book: ListingSets
    ) {
        self.sources = sources
        self.names = names
        self.v4 = v4
        self.v6 = v6
        self.book = book
    }

    public var isEmpty: Bool { names.count == 0 && v4.starts.isEmpty && v6.starts.isEmpty }

    /// Bytes in use.
    public var byteCount: Int {
        names.byteCount + v4.starts.count * 8 + v6.starts.count * 20
    }

    // MARK: - In the packets' way

    /// The set of lists that have an address; 0: none.
    public func set(of address: IPAddress) -> UInt32 {
        address.isIPv4 ? v4.set(of: address.v4) : v6.set(of: address.number)
    }

    /// A number that is the same for a listed name in every table; nil if no list counts it at this
    /// second, and for a number of another table.
    public func identity(ofName number: UInt32, at second: Int) -> UInt64? {
        guard let entry = names.entry(number), isCurrent(names.sets[entry], at: second) else {
            return nil
        }
        return names.identity(of: entry)
    }

    /// Whether a listing of the set is neither too old nor expired.
    public func isCurrent(_ set: UInt32, at second: Int) -> Bool {
        var isCurrent = false
        book.forEach(in: set) { listing in
            isCurrent = holds(listing, at: second)
            return !isCurrent
        }
        return isCurrent
    }

    private func holds(_ listing: Listing, at second: Int) -> Bool {
        if listing.until != 0, second >= Int(listing.until) { return false }
        return second - Int(listing.last) <= sources[Int(listing.source)].maximumAge
    }

    // MARK: - Explanation

    /// What the lists say of an address; nil if none of them counts at this second.
    public func hit(_ address: IPAddress, at second: Int) -> IndicatorHit? {
        let set = set(of: address)
        guard set != 0 else { return nil }
        let text = "\(address)"
        let sharers = SharedServices.sharers(of: address)
        return hit(
            set, at: second, value: text, isName: false,
            remark: sharers.map { "an address of \($0), which many share: discounted" }
        ) { listing in
            "\(IPPrefix(address, length: Int(listing.length)))"
        }
    }

    /// What the lists say of a name that `NameTable.find` has found.
    public func hit(name number: UInt32, at second: Int) -> IndicatorHit? {
        guard let entry = names.entry(number) else { return nil }
        let text = names.text(of: entry)
        let remark =
            SharedServices.isShared(name: text)
            ? "the name of a service that many share: discounted" : nil
        return hit(names.sets[entry], at: second, value: text, isName: true, remark: remark) { _ in
            text
        }
    }

    /// What the lists say of a name as text, or of the longest suffix that is listed.
    public func hit(name text: String, at second: Int) -> IndicatorHit? {
        guard let (name, _) = NameText.wire(Array(text.utf8)[...]) else { return nil }
        return hit(name: names.find(name.span), at: second)
    }

    private func hit(
        _ set: UInt32, at second: Int, value: String, isName: Bool, remark: String?,
        _ object: (Listing) -> String
    ) -> IndicatorHit? {
        var best: [UInt16: Listing] = [:]
        book.forEach(in: set) { listing in
            guard holds(listing, at: second) else { return true }
            // The narrowest prefix of a list, and for one object the newest entry.
            if let known = best[listing.source],
                (known.length, known.last) >= (listing.length, listing.last)
            {
                return true
            }
            best[listing.source] = listing
            return true
        }
        guard !best.isEmpty else { return nil }
        let found = best.values.map { listing in
            IndicatorHit.Source(
                name: sources[Int(listing.source)].name, object: object(listing),
                ageSeconds: max(second - Int(listing.last), 0),
                confidence: confidence(of: listing, at: second, isShared: remark != nil))
        }
        return IndicatorHit(
            value: value, isName: isName,
            sources: found.sorted {
                ($1.confidence, $0.ageSeconds, $0.name) < ($0.confidence, $1.ageSeconds, $1.name)
            }, listCount: sources.count, remark: remark)
    }

    /// A listing's confidence: it falls to half until the list's greatest age, is half for the
    /// widest prefixes, and a quarter for what many share.
    private func confidence(of listing: Listing, at second: Int, isShared: Bool) -> Int {
        let oldest = max(sources[Int(listing.source)].maximumAge, 1)
        let age = min(max(second - Int(listing.last), 0), oldest)
        var confidence = Double(listing.confidence) * (1 - Double(age) / Double(oldest) / 2)
        if (1..<20).contains(listing.length) { confidence /= 2 }
        if isShared { confidence /= 4 }
        return Int(confidence.rounded())
    }

    // MARK: - Content

    /// Calls `body` with each prefix of a list; a prefix may come more than once.
    func forEachPrefix(of source: UInt16, _ body: (IPPrefix, Listing) -> Void) {
        func each(_ address: IPAddress, _ set: UInt32) {
            book.forEach(in: set) { listing in
                if listing.source == source {
                    body(IPPrefix(address, length: Int(listing.length)), listing)
                }
                return true
            }
        }
        v4.forEach { each(IPAddress(v4: $0), $1) }
        v6.forEach { each(IPAddress(number: $0), $1) }
    }

    /// Calls `body` with each name of a list.
    func forEachName(of source: UInt16, _ body: (ArraySlice<UInt8>, Listing) -> Void) {
        for (entry, set) in names.sets.enumerated() {
            book.forEach(in: set) { listing in
                if listing.source == source { body(names.wire(of: entry), listing) }
                return true
            }
        }
    }
}
