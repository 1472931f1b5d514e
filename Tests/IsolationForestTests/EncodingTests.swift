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

    @Test(arguments: [1, 5, 8, 40], [2, 31, 32, 33, 300])
    func aForestWithReferencesSurvivesItsEncoding(columns: Int, references: Int) throws {
        let forest = try Samples.forest(rows: 300, columns: columns, references: references)
        #expect(forest.referenceCount == references)
        let bytes = forest.encoded()
        #expect(bytes[4] == 2)
        let copy = try IsolationForest(decoding: bytes)
        #expect(copy == forest)
        #expect(copy.encoded() == bytes)
        let probe = Samples.bell(rows: 50, columns: columns, seed: 8).map { $0 * 2 }
        #expect(
            copy.scores(rows: probe, scoring: .neighbourAware)
                == forest.scores(rows: probe, scoring: .neighbourAware))
    }

    @Test func theChecksumIsCRC32() {
        #expect(Checksum.crc32(Array("123456789".utf8)[...]) == 0xCBF4_3926)
    }

    @Test(arguments: [0, 9])
    func everyShorterPrefixIsRefused(references: Int) throws {
        let bytes = try Samples.forest(rows: 40, trees: 2, references: references).encoded()
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

    @Test(arguments: [0, 9])
    func aFlippedBitInAnyByteIsRefused(references: Int) throws {
        let bytes = try Samples.forest(rows: 40, trees: 2, references: references).encoded()
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
        newer[4] = 3
        #expect(throws: ForestError.unknownVersion(3)) { try IsolationForest(decoding: newer) }
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

    @Test(arguments: [0, 40])
    func aVersionOfOtherContentIsRefused(references: Int) throws {
        var bytes = try Samples.forest(rows: 40, trees: 2, references: references).encoded()
        bytes[4] = 3 - bytes[4]
        #expect(throws: ForestError.self) { try IsolationForest(decoding: bytes) }
    }

    @Test(arguments: [
        (0, 1 as UInt32, "reference count"), (0, 0x0100_0000, "reference count"),
        (0, 10, "reference floor"), (4, 0, "usual distance"), (4, 0x7E00_0000, "usual distance"),
        (8, 0x7FC0_0000, "reference scale"), (28, 0, "reference scale"),
        (28, 0x8000_0001, "reference scale"), (28, 0x7E00_0000, "reference scale"),
        (48, 0xBF80_0000, "reference floor"), (48, 1, "reference floor"),
        (48, 0x7F80_0000, "reference floor"),
    ])
    func invalidReferencesAreRefused(place: Int, word: UInt32, name: String) throws {
        var bytes = try Samples.forest(rows: 40, trees: 2, references: 9).encoded()
        // Count, usual distance, five means, five inverses; 9 times a floor and five values.
        let start = bytes.count - (8 + 40 + 9 * 14)
        for byte in 0..<4 {
            bytes[start + place + byte] = UInt8(truncatingIfNeeded: word >> UInt32(8 * byte))
        }
        #expect(throws: ForestError.malformed(name)) {
            try IsolationForest(decoding: sealed(bytes))
        }
    }

    @Test(arguments: [0, 9])
    func invalidContentWithAValidChecksumIsRefused(references: Int) throws {
        let bytes = try Samples.forest(rows: 40, trees: 3, references: references).encoded()
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
            guard references > 0 else { continue }
            let near = forest.neighbourScore([Float](repeating: 1, count: forest.columnCount))
            #expect(near >= 0 && near <= 1)
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

    @Test func theSameReferencesAndScoresOnEveryMachine() throws {
        let forest = try Samples.forest(columns: 12, trees: 30, references: 100)
        #expect(Checksum.crc32(forest.encoded()[...]) == 2_865_496_287)
        let rows = Samples.bell(rows: 64, columns: 12, seed: 3).map { $0 * 2 }
        var encoder = Encoder()
        for score in forest.scores(rows: rows, scoring: .neighbourAware) { encoder.append(score) }
        #expect(Checksum.crc32(encoder.bytes[...]) == 2_776_271_396)
    }
}
