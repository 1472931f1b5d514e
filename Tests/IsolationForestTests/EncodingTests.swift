import Testing

@testable import IsolationForest

@Suite struct EncodingTests {
    private func sealed(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        let sum = Checksum.crc32(bytes[16...])
        for byte in 0..<4 { bytes[12 + byte] = UInt8(truncatingIfNeeded: sum >> UInt32(8 * byte)) }
        return bytes
    }

    @Test(arguments: [1, 5, 8, 40], [2, 7, 8, 300])
    func aForestSurvivesItsEncoding(columns: Int, rows: Int) throws {
        let forest = try Samples.forest(rows: rows, columns: columns)
        let bytes = forest.encoded()
        let copy = try IsolationForest(decoding: bytes)
        #expect(copy == forest)
        #expect(copy.encoded() == bytes)
        let probe = Samples.bell(rows: 50, columns: columns, seed: 8).map { $0 * 2 }
        #expect(copy.scores(rows: probe) == forest.scores(rows: probe))
    }

    @Test func theChecksumIsCRC32() {
        #expect(Checksum.crc32(Array("123456789".utf8)[...]) == 0xCBF4_3926)
    }

    @Test func everyShorterPrefixIsRefused() throws {
        let bytes = try Samples.forest(rows: 40, trees: 2).encoded()
        for count in 0..<bytes.count {
            #expect {
                try IsolationForest(decoding: Array(bytes.prefix(count)))
            } throws: { error in
                if case .truncated = error as? ForestError { true } else { false }
            }
        }
        #expect(throws: ForestError.malformed("byte count")) {
            try IsolationForest(decoding: bytes + [0])
        }
    }

    @Test func aFlippedBitInAnyByteIsRefused() throws {
        let bytes = try Samples.forest(rows: 40, trees: 2).encoded()
        for place in bytes.indices {
            var damaged = bytes
            damaged[place] ^= 1 << UInt8(place % 8)
            #expect(throws: ForestError.self) { try IsolationForest(decoding: damaged) }
        }
    }

    @Test func foreignAndNewerFilesAreRefusedAsSuch() throws {
        let bytes = try Samples.forest(rows: 40, trees: 2).encoded()
        #expect(throws: ForestError.foreign) {
            try IsolationForest(decoding: Array("GIF89a..........".utf8))
        }
        var newer = bytes
        newer[4] = 2
        #expect(throws: ForestError.unknownVersion(2)) { try IsolationForest(decoding: newer) }
        var damaged = bytes
        damaged[100] ^= 1
        #expect(throws: ForestError.damaged) { try IsolationForest(decoding: damaged) }
    }

    @Test(arguments: [
        (16, "column count"), (20, "sample size"), (24, "height limit"),
        (28, "tree count"),
    ])
    func absurdSizesAreRefusedBeforeMemoryIsAllocated(place: Int, name: String) throws {
        var bytes = try Samples.forest(rows: 40, trees: 2).encoded()
        bytes[place + 3] = 0x7F
        #expect(throws: ForestError.malformed(name)) {
            try IsolationForest(decoding: sealed(bytes))
        }
    }

    @Test func invalidContentWithAValidChecksumIsRefused() throws {
        let bytes = try Samples.forest(rows: 40, trees: 3).encoded()
        var generator = SeededGenerator(seed: 77, stream: 0)
        var read = 0
        for _ in 0..<4000 {
            var mutant = bytes
            for _ in 0...generator.below(4) {
                switch generator.below(4) {
                case 0:
                    mutant[16 + generator.below(mutant.count - 16)] ^=
                        1 << UInt8(generator.below(8))
                case 1:
                    mutant[16 + generator.below(mutant.count - 16)] = UInt8(generator.below(256))
                case 2: mutant.remove(at: 32 + generator.below(mutant.count - 32))
                default:
                    mutant.insert(
                        UInt8(generator.below(256)), at: 32 + generator.below(mutant.count - 32))
                }
            }
            for byte in 0..<4 {
                mutant[8 + byte] = UInt8(truncatingIfNeeded: mutant.count >> (8 * byte))
            }
            mutant = sealed(mutant)
            guard let forest = try? IsolationForest(decoding: mutant) else { continue }
            read += 1
            #expect(forest.encoded() == mutant)
            let score = forest.score([Float](repeating: 1, count: forest.columnCount))
            #expect(score >= 0 && score <= 1)
        }
        // With a changed threshold or box, it is still a valid forest.
        #expect(read > 20)
    }

    @Test func theSameInputYieldsTheSameBytesOnEveryMachine() throws {
        let bytes = try Samples.forest().encoded()
        #expect(Checksum.crc32(bytes[...]) == 575_568_049)
        let forest = try Samples.forest(columns: 12, trees: 30)
        let scores = forest.scores(
            rows: Samples.bell(rows: 64, columns: 12, seed: 3).map { $0 * 2 })
        var encoder = Encoder()
        for score in scores { encoder.append(score) }
        #expect(Checksum.crc32(encoder.bytes[...]) == 626_968_512)
    }
}
