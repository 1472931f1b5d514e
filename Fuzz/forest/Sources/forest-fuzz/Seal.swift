/// `bytes` as the content of an encoding, after a header with the correct size and checksum.
func sealed(_ bytes: [UInt8], version: UInt32) -> [UInt8] {
    let size = UInt32(bytes.count + 16)
    var sum = ~UInt32(0)
    for byte in bytes {
        sum ^= UInt32(byte)
        for _ in 0..<8 { sum = sum & 1 == 1 ? 0xEDB8_8320 ^ (sum >> 1) : sum >> 1 }
    }
    let words: [UInt32] = [0x524F_4649, version, size, ~sum]
    return words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } }
        + bytes
}
