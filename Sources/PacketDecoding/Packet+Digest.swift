internal import NetworkAddresses

extension Packet {
    /// A digest of the fields that forwarding does not change: equal for both sightings of a packet
    /// that a node forwards.
    package var forwardingDigest: UInt64 {
        var hash: UInt64 = 0x9E37_79B9_7F4A_7C15
        func mix(_ word: UInt64) {
            let product = (hash ^ word).multipliedFullWidth(by: 0xE703_7ED1_A0B4_28DB)
            hash = product.high ^ product.low
        }
        mix(source.high)
        mix(source.low)
        mix(destination.high)
        mix(destination.low)
        mix(
            UInt64(sourcePort) << 48 | UInt64(destinationPort) << 32
                | UInt64(ipLength))
        mix(UInt64(tcpSequence) << 32 | UInt64(tcpAcknowledgment))
        mix(
            UInt64(ipProtocol) << 56 | UInt64(tcpFlags) << 48
                | UInt64(tcpWindow) << 32 | UInt64(arpOperation) << 16
                | UInt64(icmpIdentifier))
        mix(
            UInt64(fragmentIdentifier) << 32 | UInt64(dns.identifier) << 16
                | UInt64(icmpType) << 8 | UInt64(icmpCode))
        mix(arpSenderMAC.value)
        return hash
    }
}
