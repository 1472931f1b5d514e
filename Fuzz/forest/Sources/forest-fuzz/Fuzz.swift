import IsolationForest

/// Decodes untrusted bytes, unchanged and with a valid header, and scores with the resulting forest.
/// The same bytes are also used as a table to fit a forest to.
@c(LLVMFuzzerTestOneInput)
public func fuzzForest(_ start: UnsafePointer<UInt8>?, _ count: Int) -> CInt {
    let bytes = Array(UnsafeBufferPointer(start: start, count: count))
    use(bytes)
    use(sealed(bytes, version: 1))
    use(sealed(bytes, version: 2))
    grow(bytes)
    return 0
}

private func use(_ bytes: [UInt8]) {
    guard let forest = try? IsolationForest(decoding: bytes) else { return }
    precondition(forest.encoded() == bytes)
    let rows = (0..<(9 * forest.columnCount)).map { Float($0 % 13) - 6 }
    let scores = forest.scores(rows: rows)
    precondition(scores.allSatisfy { $0 >= 0 && $0 <= 1 })
    var shares: [Float] = []
    let score = forest.attribute(Array(rows.prefix(forest.columnCount)), into: &shares)
    precondition(score == scores[0] && abs(shares.reduce(0, +) - 1) < 1e-3)
    guard forest.referenceCount > 0 else { return }
    let near = forest.scores(rows: rows, scoring: .neighbourAware)
    precondition(near.allSatisfy { $0 >= 0 && $0 <= 1 })
    precondition(forest.neighbourScore(Array(rows.prefix(forest.columnCount))) == near[0])
}

private func grow(_ bytes: [UInt8]) {
    guard bytes.count > 12 else { return }
    var options = IsolationForest.Options(seed: UInt64(bytes[0]))
    options.treeCount = 3
    options.sampleSize = 2 + Int(bytes[1])
    options.referenceCount = bytes[0] < 128 ? 0 : 2 + Int(bytes[1]) / 2
    options.heightLimit = bytes[2] == 0 ? nil : 1 + Int(bytes[2]) % 64
    let rows = stride(from: 4, to: bytes.count - 3, by: 4).map { place in
        Float(bitPattern: (0..<4).reduce(0) { $0 << 8 | UInt32(bytes[place + $1]) })
    }
    let columns = 1 + Int(bytes[3]) % 20
    let whole = rows.count / columns * columns
    guard
        let forest = try? IsolationForest(
            rows: Array(rows.prefix(whole)), columnCount: columns, options: options)
    else { return }
    use(forest.encoded())
    let scores = forest.scores(rows: Array(rows.prefix(whole)))
    precondition(scores.allSatisfy { $0 >= 0 && $0 <= 1 })
}
