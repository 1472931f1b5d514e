extension ByteWriter {
    mutating func put(_ arriving: [String: Int]) {
        put(UInt32(arriving.count))
        for (name, count) in arriving.sorted(by: { $0.key < $1.key }) {
            put(name)
            put(UInt64(count))
        }
    }
}

extension ByteReader {
    mutating func arriving() throws(ModelError) -> [String: Int] {
        var arriving: [String: Int] = [:]
        for _ in 0..<(try count(ofSize: 12, limit: Self.most, "the list of new contacts")) {
            let name = try text()
            arriving[name] = Int(try integer(in: Self.counts, "the contacts of a workload"))
        }
        return arriving
    }
}
