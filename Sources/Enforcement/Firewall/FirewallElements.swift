internal import CNetfilter
internal import NetworkAddresses
internal import Nftables
internal import Quarantine

/// Adds set elements to a transaction, several per message.
struct ElementWriter {
    /// An interval or host in a set.
    struct Element: Hashable {
        var target: QuarantineTarget
        /// 0: for a removal.
        var timeoutMilliseconds: UInt64
    }

    /// An attribute's length has 16 bits, which is enough for 400 elements of at most 120 bytes.
    private static let perMessage = 400

    /// Adds or removes `elements` in the set's tables; their bytes are the same in each.
    static func write(
        _ elements: [Element], to set: FirewallLayout.SetSpec, families: [FirewallLayout.Family],
        isRemoval: Bool, batch: inout NetlinkWriter
    ) {
        let type = isRemoval ? NFT_MSG_DELSETELEM : NFT_MSG_NEWSETELEM
        var start = 0
        while start < elements.count {
            let end = min(start + perMessage, elements.count)
            var written: Range<Int>?
            for family in families {
                let message = begin(
                    type, set.name, family,
                    flags: isRemoval ? 0 : UInt16(NLM_F_CREATE), isRemoval: isRemoval, &batch)
                if let written {
                    batch.repeatBytes(written)
                } else {
                    let list = batch.nest(UInt16(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue))
                    for element in elements[start..<end] { write(element, &batch) }
                    batch.endNest(list)
                    written = list..<batch.bytes.count
                }
                batch.end(message)
            }
            start = end
        }
    }

    /// Removes all elements of a set.
    static func clear(
        _ set: FirewallLayout.SetSpec, family: FirewallLayout.Family, batch: inout NetlinkWriter
    ) {
        let message = begin(
            NFT_MSG_DELSETELEM, set.name, family, flags: 0, isRemoval: true, &batch)
        batch.end(message)
    }

    private static func begin(
        _ type: nf_tables_msg_types, _ set: String, _ family: FirewallLayout.Family, flags: UInt16,
        isRemoval: Bool, _ batch: inout NetlinkWriter
    ) -> Int {
        let start = batch.begin(
            type: UInt16(NFNL_SUBSYS_NFTABLES) << 8 | UInt16(type.rawValue), flags: 1 | flags,
            family: family.rawValue, .elements(family, set, isRemoval: isRemoval))
        batch.attribute(
            UInt16(NFTA_SET_ELEM_LIST_TABLE.rawValue), text: FirewallLayout.tableName)
        batch.attribute(UInt16(NFTA_SET_ELEM_LIST_SET.rawValue), text: set)
        return start
    }

    private static func write(_ element: Element, _ batch: inout NetlinkWriter) {
        switch element.target {
        case .link(let link):
            write(isEnd: false, element.timeoutMilliseconds, &batch) {
                $0.attribute($1, link.bytes)
            }
        case .port(let name):
            // IFNAMSIZ bytes, the rest zero.
            let bytes = Array(name.utf8.prefix(15))
            let key = bytes + [UInt8](repeating: 0, count: 16 - bytes.count)
            write(isEnd: false, element.timeoutMilliseconds, &batch) { $0.attribute($1, key) }
        case .prefix(let prefix):
            write(isEnd: false, element.timeoutMilliseconds, &batch) {
                $0.attribute($1, prefix.address)
            }
            // An interval ends at the first address after it; the last interval of the family has
            // no end.
            if !prefix.isHost, let next = prefix.lastAddress.successor {
                write(isEnd: true, 0, &batch) { $0.attribute($1, next) }
            }
        }
    }

    private static func write(
        isEnd: Bool, _ timeout: UInt64, _ batch: inout NetlinkWriter,
        key: (inout NetlinkWriter, UInt16) -> Void
    ) {
        let nest = batch.nest(UInt16(NFTA_LIST_ELEM.rawValue))
        if isEnd {
            batch.attribute(
                UInt16(NFTA_SET_ELEM_FLAGS.rawValue),
                big: UInt32(NFT_SET_ELEM_INTERVAL_END.rawValue))
        }
        if timeout > 0 {
            batch.attribute(UInt16(NFTA_SET_ELEM_TIMEOUT.rawValue), big: timeout)
            // Linux leaves an element as it is whose timeout is the one that it has, although most
            // of that is over, unless the message says when it expires, too.
            batch.attribute(UInt16(NFTA_SET_ELEM_EXPIRATION.rawValue), big: timeout)
        }
        let keyNest = batch.nest(UInt16(NFTA_SET_ELEM_KEY.rawValue))
        key(&batch, UInt16(NFTA_DATA_VALUE.rawValue))
        batch.endNest(keyNest)
        batch.endNest(nest)
    }
}

/// Reads set elements from the kernel's dump.
struct ElementReader {
    /// An element, or one end of an interval.
    struct Raw {
        var key: [UInt8]
        var isEnd: Bool
        var remaining: UInt64?
        var packets: UInt64
        var bytes: UInt64
    }

    static func elements(of message: NetlinkMessage) -> [Raw] {
        let list = UInt16(NFTA_SET_ELEM_LIST_ELEMENTS.rawValue)
        guard let elements = message.payload.dropFirst(4).attribute(list) else { return [] }
        return NetlinkAttributes(elements).compactMap { read($0.value) }
    }

    private static func read(_ element: ArraySlice<UInt8>) -> Raw? {
        var raw = Raw(key: [], isEnd: false, remaining: nil, packets: 0, bytes: 0)
        for (type, value) in NetlinkAttributes(element) {
            switch nft_set_elem_attributes(rawValue: UInt32(type)) {
            case NFTA_SET_ELEM_KEY:
                raw.key = Array(value.attribute(UInt16(NFTA_DATA_VALUE.rawValue)) ?? [])
            case NFTA_SET_ELEM_FLAGS:
                raw.isEnd = value.big & UInt64(NFT_SET_ELEM_INTERVAL_END.rawValue) != 0
            case NFTA_SET_ELEM_EXPIRATION: raw.remaining = value.big
            case NFTA_SET_ELEM_TIMEOUT: if raw.remaining == nil { raw.remaining = value.big }
            case NFTA_SET_ELEM_EXPR: count(value, &raw)
            case NFTA_SET_ELEM_EXPRESSIONS:
                for (_, expression) in NetlinkAttributes(value) { count(expression, &raw) }
            default: break
            }
        }
        return raw.key.isEmpty ? nil : raw
    }

    private static func count(_ expression: ArraySlice<UInt8>, _ raw: inout Raw) {
        guard expression.attribute(UInt16(NFTA_EXPR_NAME.rawValue))?.text == "counter",
            let data = expression.attribute(UInt16(NFTA_EXPR_DATA.rawValue))
        else { return }
        raw.packets = data.attribute(UInt16(NFTA_COUNTER_PACKETS.rawValue))?.big ?? 0
        raw.bytes = data.attribute(UInt16(NFTA_COUNTER_BYTES.rawValue))?.big ?? 0
    }

    /// The targets of raw elements; intervals are combined from their two ends.
    static func targets(_ raws: [Raw], key: FirewallLayout.Key) -> [(QuarantineTarget, Raw)] {
        if key == .link {
            return raws.map { (.link(MACAddress($0.key.reduce(0) { $0 << 8 | UInt64($1) })), $0) }
        }
        if key == .port {
            return raws.map {
                (.port(String(decoding: $0.key.prefix { $0 != 0 }, as: UTF8.self)), $0)
            }
        }
        let addressed = raws.compactMap { raw in IPAddress(bytes: raw.key).map { ($0, raw) } }
        guard key.isInterval else {
            return addressed.map { (.prefix(IPPrefix(host: $0)), $1) }
        }
        let ends = addressed.filter(\.1.isEnd).map(\.0).sorted()
        return addressed.filter { !$0.1.isEnd }.map { start, raw in
            let at = ends.partitioningIndex { $0 > start }
            let next = at < ends.count ? ends[at] : nil
            return (.prefix(IPPrefix(from: start, before: next)), raw)
        }
    }
}

extension [IPAddress] {
    /// The first index at which `test` is true; it must be true for all later elements.
    fileprivate func partitioningIndex(_ test: (IPAddress) -> Bool) -> Int {
        var low = 0
        var high = count
        while low < high {
            let middle = (low + high) / 2
            if test(self[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}

extension IPAddress {
    /// The next address of the same family; nil after the last.
    var successor: IPAddress? {
        if isIPv4 { return v4 == .max ? nil : IPAddress(v4: v4 + 1) }
        let (sum, carry) = low.addingReportingOverflow(1)
        if carry, high == .max { return nil }
        return IPAddress(high: carry ? high + 1 : high, low: sum)
    }
}

extension IPPrefix {
    /// The widest prefix that starts at `first` and ends before `next` (nil: the end of the
    /// family).
    init(from first: IPAddress, before next: IPAddress?) {
        for length in 0...first.bitWidth {
            let candidate = IPPrefix(first, length: length)
            guard candidate.address == first else { continue }
            if let next {
                if candidate.lastAddress < next {
                    self = candidate
                    return
                }
            } else if candidate.lastAddress.successor == nil {
                self = candidate
                return
            }
        }
        self.init(host: first)
    }
}
