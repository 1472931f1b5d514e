/// What one list says about one object.
public struct Listing: Hashable, Sendable, BitwiseCopyable {
    /// The number of the list in `IndicatorTable.sources`.
    public var source: UInt16
    /// The length of the listed prefix; 0 for a name.
    public var length: UInt8
    /// 0...100.
    public var confidence: UInt8
    /// When the object was first and last seen, in seconds since 1970; 0: unknown.
    public var first: UInt32
    public var last: UInt32
    /// From when on it no longer holds; 0: it always does.
    public var until: UInt32

    public init(
        source: UInt16, confidence: UInt8, first: UInt32 = 0, last: UInt32 = 0, until: UInt32 = 0
    ) {
        self.source = source
        length = 0
        self.confidence = min(confidence, 100)
        self.first = first
        self.last = last
        self.until = until
    }
}

/// One list of indicators.
public struct ListSource: Hashable, Sendable {
    /// The name of its entry in the configuration; for a file of a folder, a slash and the file's
    /// name follow.
    public var name: String
    public var path: String
    /// The age in seconds from which its entries no longer count.
    public var maximumAge: Int

    public init(name: String, path: String, maximumAge: Int) {
        self.name = name
        self.path = path
        self.maximumAge = maximumAge
    }
}

/// Sets of listings. A set is the number of its last listing's node, whose parent is the rest of
/// the set; 0 is the empty set. Equal sets have one number if they were made in the same order, so
/// a million entries of one list have one set.
struct ListingSets: Sendable {
    private struct Node: Hashable {
        var parent: UInt32
        var listing: UInt32
    }

    private(set) var listings: [Listing] = []
    private var nodes: [Node] = [Node(parent: 0, listing: 0)]
    private var numbers: [Listing: UInt32] = [:]
    private var sets: [Node: UInt32] = [:]

    /// The number of a listing.
    mutating func number(of listing: Listing) -> UInt32 {
        if let known = numbers[listing] { return known }
        let number = UInt32(listings.count)
        listings.append(listing)
        numbers[listing] = number
        return number
    }

    /// The set with one more listing. Of one object on one list the newest listing is kept, so that
    /// a list that repeats an object makes no long set.
    mutating func adding(_ listing: UInt32, to set: UInt32) -> UInt32 {
        let added = listings[Int(listing)]
        var newer: [UInt32] = []
        var rest = set
        while rest != 0 {
            let node = nodes[Int(rest)]
            let known = listings[Int(node.listing)]
            if known.source == added.source, known.length == added.length {
                guard known.last < added.last else { return set }
                var replaced = node.parent
                for other in newer.reversed() { replaced = self.node(other, on: replaced) }
                return self.node(listing, on: replaced)
            }
            newer.append(node.listing)
            rest = node.parent
        }
        return node(listing, on: set)
    }

    private mutating func node(_ listing: UInt32, on parent: UInt32) -> UInt32 {
        let node = Node(parent: parent, listing: listing)
        if let known = sets[node] { return known }
        let number = UInt32(nodes.count)
        nodes.append(node)
        sets[node] = number
        return number
    }

    /// Frees what only building needs.
    mutating func seal() {
        numbers = [:]
        sets = [:]
    }

    /// Calls `body` with each listing of a set, the narrowest prefix first, until it returns false.
    func forEach(in set: UInt32, _ body: (Listing) -> Bool) {
        var rest = set
        while rest != 0, Int(rest) < nodes.count {
            let node = nodes[Int(rest)]
            guard body(listings[Int(node.listing)]) else { return }
            rest = node.parent
        }
    }
}
