internal import NetworkAddresses

/// Finds the rows of blocks that a query wants, column by column, so that only the columns of its
/// conditions are decoded. Its buffers are used again for the next block.
struct BlockScan {
    private let query: FlowQuery
    private let from: Int64
    private let to: Int64
    /// For each end of the block, whether it is the query's workload (1) and its peer (2). Numbers
    /// that the table does not have are neither.
    private var ends = [UInt8](repeating: 0, count: 1 << 16)
    /// For each row, 1 if it matches the conditions so far.
    private(set) var rows: [UInt8] = []

    private static let workload: UInt8 = 1
    private static let peer: UInt8 = 2

    init(_ query: FlowQuery) {
        self.query = query
        from = query.from?.milliseconds ?? .min
        to = query.to?.milliseconds ?? .max
    }

    var needsEnds: Bool { query.workload != nil || query.peer != nil }

    /// Notes the ends of a block.
    ///
    /// - Returns: whether any flow of the block can match.
    mutating func take(_ table: HostTable) -> Bool {
        for index in ends.indices { ends[index] = 0 }
        let isThere = mark(query.workload, Self.workload, table)
        return mark(query.peer, Self.peer, table) && isThere
    }

    private mutating func mark(
        _ host: FlowQuery.Host?, _ bit: UInt8, _ table: HostTable
    ) -> Bool {
        var isThere = false
        switch host {
        case nil: return true
        case .name(let name):
            let wanted = table.names.map { $0 == name }
            guard wanted.contains(true) else { return false }
            for (index, number) in table.nameNumbers.enumerated() where wanted[Int(number)] {
                ends[index] |= bit
                isThere = true
            }
        case .prefix(let prefix):
            for (index, address) in table.addresses.enumerated() where prefix.contains(address) {
                ends[index] |= bit
                isThere = true
            }
        }
        return isThere
    }

    /// Finds the rows that match; `rows` has them. The ends were taken before, if they are needed.
    ///
    /// - Parameters:
    ///   - first: start of the block's earliest flow, in milliseconds.
    ///   - last: end of its latest flow.
    /// - Returns: whether there are any; nil if the block is damaged.
    mutating func find(in block: inout FlowBlock, first: Int64, last: Int64) -> Bool? {
        rows.removeAll(keepingCapacity: true)
        rows.append(contentsOf: repeatElement(1, count: block.count))
        if let port = query.port {
            guard block.load(.service) else { return nil }
            find(port, block.planes(.service))
            guard rows.contains(1) else { return false }
        }
        if needsEnds {
            guard block.load(.ends) else { return nil }
            find(inEnds: block.planes(.ends))
            guard rows.contains(1) else { return false }
        }
        // Most blocks are within the time as a whole.
        guard first < from || last > to else { return true }
        guard block.load(.times) else { return nil }
        for row in rows.indices where rows[row] == 1 {
            let (start, end) = block.times(row)
            if end < from || start > to { rows[row] = 0 }
        }
        return rows.contains(1)
    }

    private mutating func find(_ port: FlowQuery.Port, _ planes: [UInt8]) {
        let count = rows.count
        let low = UInt8(truncatingIfNeeded: port.number)
        let high = UInt8(truncatingIfNeeded: port.number >> 8)
        // Any protocol: each is within the range.
        let least = port.ipProtocol ?? 0
        let greatest = port.ipProtocol ?? .max
        // SAFETY: the planes of the group have three times as many bytes as there are rows.
        unsafe planes.withUnsafeBufferPointer { planes in
            unsafe rows.withUnsafeMutableBufferPointer { rows in
                for row in 0..<count {
                    let isPort =
                        unsafe (planes[row] ^ low) | (planes[count + row] ^ high) == 0
                    let number = unsafe planes[2 * count + row]
                    unsafe rows[row] =
                        isPort && number >= least && number <= greatest ? 1 : 0
                }
            }
        }
    }

    private mutating func find(inEnds planes: [UInt8]) {
        let count = rows.count
        let (needsWorkload, needsPeer) = (query.workload != nil, query.peer != nil)
        // SAFETY: the planes of the group have four times as many bytes as there are rows, and
        // there is an entry for each number of 16 bits.
        unsafe planes.withUnsafeBufferPointer { planes in
            unsafe ends.withUnsafeBufferPointer { ends in
                unsafe rows.withUnsafeMutableBufferPointer { rows in
                    for row in 0..<count where unsafe rows[row] == 1 {
                        let originator = unsafe ends[
                            Int(planes[row]) | Int(planes[count + row]) << 8]
                        let responder = unsafe ends[
                            Int(planes[2 * count + row]) | Int(planes[3 * count + row]) << 8]
                        let isFound =
                            switch (needsWorkload, needsPeer) {
                            case (true, true):
                                (originator & 1 & responder >> 1)
                                    | (responder & 1 & originator >> 1)
                            case (true, false): (originator | responder) & 1
                            default: (originator | responder) >> 1 & 1
                            }
                        unsafe rows[row] = isFound
                    }
                }
            }
        }
    }
}
