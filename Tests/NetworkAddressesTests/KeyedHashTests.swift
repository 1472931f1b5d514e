import NetworkAddresses
import Testing

struct KeyedHashTests {
    /// Addresses that follow each other, or differ in one half only, as those of a network do.
    @Test(arguments: [0, 16, 32, 48])
    func neighboursSpreadOverATable(shift: UInt64) {
        var counts = [Int](repeating: 0, count: 256)
        for number in 0..<25_600 as Range<UInt64> {
            let hash = KeyedHash.hash(0x2001_0DB8 << 32, number << shift, seed: 7)
            counts[hash & 255] += 1
        }
        // 100 on average; 200 would be ten standard deviations more.
        #expect(counts.allSatisfy { (1...200).contains($0) })
    }

    @Test func equalKeysHaveTheSameHashAndSeedsDiffer() {
        let address = IPAddress(v4: 0x0A00_0001)
        #expect(address._rawHashValue(seed: 3) == IPAddress(v4: 0x0A00_0001)._rawHashValue(seed: 3))
        let hashes = Set((0..<1000).map { address._rawHashValue(seed: $0) })
        #expect(hashes.count > 990)
        #expect(
            Set((0..<1000).map { KeyedHash.hash($0, 1, seed: 0) }).count > 990)
    }

    @Test func tablesFindTheirKeys() {
        var table: [IPAddress: UInt32] = [:]
        for number in 0..<10_000 as Range<UInt32> { table[IPAddress(v4: number)] = number }
        #expect(table.count == 10_000)
        #expect((0..<10_000 as Range<UInt32>).allSatisfy { table[IPAddress(v4: $0)] == $0 })
        #expect(Set((0..<1000 as Range<UInt64>).map { MACAddress($0) }).count == 1000)
    }
}
