/// An IPv4 packet with `payload` on port 53.
func wrapped(_ payload: UnsafeBufferPointer<UInt8>, _ ipProtocol: UInt8) -> [UInt8] {
    let header = ipProtocol == 6 ? 22 : 8
    let length = 20 + header + payload.count
    var bytes: [UInt8] = [0x45, 0, UInt8(length >> 8 & 255), UInt8(length & 255)]
    bytes += [0, 0, 0, 0, 64, ipProtocol, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2, 0x80, 1, 0, 53]
    if ipProtocol == 6 {
        bytes += [UInt8](repeating: 0, count: 8) + [0x50, 0x18, 1, 1, 0, 0, 0, 0]
        bytes += [UInt8(payload.count >> 8 & 255), UInt8(payload.count & 255)]
    } else {
        bytes += [UInt8((payload.count + 8) >> 8 & 255), UInt8((payload.count + 8) & 255), 0, 0]
    }
    return bytes + payload
}
