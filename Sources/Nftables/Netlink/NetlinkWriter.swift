package import NetworkAddresses

/// Writes netlink messages to one buffer, in the kernel's layout (native byte order, four-byte
/// alignment; netfilter's numbers in network order).
package struct NetlinkWriter {
    package private(set) var bytes: [UInt8] = []
    /// The sequence number and purpose of each message; errors are reported with the purpose.
    package private(set) var messages: [(sequence: UInt32, purpose: Purpose)] = []
    package var sequence: UInt32
    /// Where the last message starts.
    package private(set) var lastStart = 0

    /// The purpose of a message; its text is only created for an error.
    package enum Purpose: Sendable {
        case begin, end
        case request(String)
        case elements(NftFamily, String, isRemoval: Bool)

        package var words: String {
            switch self {
            case .begin: "transaction"
            case .end: "end of the transaction"
            case .request(let what): what
            case .elements(let family, let set, let isRemoval):
                "\(isRemoval ? "remove from" : "add to") \(family.word) set \(set)"
            }
        }
    }

    package init(sequence: UInt32, reserving capacity: Int = 0) {
        self.sequence = sequence
        bytes.reserveCapacity(capacity)
    }

    /// Starts a message with the headers of netlink and netfilter. Returns its offset.
    package mutating func begin(
        type: UInt16, flags: UInt16, family: UInt8, resource: UInt16 = 0, _ purpose: Purpose
    ) -> Int {
        let start = bytes.count
        lastStart = start
        sequence &+= 1
        messages.append((sequence, purpose))
        native(UInt32(0))
        native(type)
        native(flags)
        native(sequence)
        native(UInt32(0))
        bytes.append(family)
        bytes.append(0)
        bytes.append(UInt8(resource >> 8))
        bytes.append(UInt8(resource & 255))
        return start
    }

    /// Starts a message of another netlink family; `header` follows netlink's own header.
    package mutating func begin(type: UInt16, flags: UInt16, header: [UInt8], for what: String)
        -> Int
    {
        let start = bytes.count
        lastStart = start
        sequence &+= 1
        messages.append((sequence, .request(what)))
        native(UInt32(0))
        native(type)
        native(flags)
        native(sequence)
        native(UInt32(0))
        bytes += header
        return start
    }

    /// Ends a message: writes its length.
    package mutating func end(_ start: Int) {
        let count = UInt32(bytes.count - start)
        for index in 0..<4 { bytes[start + index] = UInt8(count >> (8 * index) & 255) }
    }

    /// Adds a complete message.
    package mutating func append(_ message: [UInt8], _ purpose: Purpose) {
        messages.append((sequence, purpose))
        lastStart = bytes.count
        bytes += message
        pad()
    }

    /// Sets flags of a finished message.
    package mutating func addFlags(_ flags: UInt16, toMessageAt start: Int) {
        bytes[start + 6] |= UInt8(flags & 255)
        bytes[start + 7] |= UInt8(flags >> 8)
    }

    package mutating func nest(_ type: UInt16) -> Int {
        let start = bytes.count
        native(UInt16(0))
        native(type | 0x8000)
        return start
    }

    package mutating func endNest(_ start: Int) {
        let count = UInt16(bytes.count - start)
        bytes[start] = UInt8(count & 255)
        bytes[start + 1] = UInt8(count >> 8)
    }

    package mutating func attribute(_ type: UInt16, _ value: ArraySlice<UInt8>) {
        native(UInt16(4 + value.count))
        native(type)
        bytes += value
        pad()
    }

    package mutating func attribute(_ type: UInt16, _ value: [UInt8]) {
        attribute(type, value[...])
    }

    package mutating func attribute(_ type: UInt16, text: String) {
        attribute(type, Array(text.utf8) + [0])
    }

    /// Appends a copy of bytes that are already written.
    package mutating func repeatBytes(_ range: Range<Int>) { bytes += Array(bytes[range]) }

    /// 4 or 16 bytes in network order.
    package mutating func attribute(_ type: UInt16, _ address: IPAddress) {
        guard !address.isIPv4 else { return attribute(type, big: address.v4) }
        native(UInt16(20))
        native(type)
        big(address.high)
        big(address.low)
    }

    /// An unsigned number in network order.
    package mutating func attribute(_ type: UInt16, big value: UInt32) {
        native(UInt16(8))
        native(type)
        big(value)
    }

    /// An unsigned number in network order.
    package mutating func attribute(_ type: UInt16, big value: UInt64) {
        native(UInt16(12))
        native(type)
        big(value)
    }

    private mutating func big(_ value: some FixedWidthInteger) { native(value.byteSwapped) }

    /// A whole number in the machine's order: little-endian wherever Swift runs on Linux.
    private mutating func native(_ value: some FixedWidthInteger) {
        for shift in stride(from: 0, to: value.bitWidth, by: 8) {
            bytes.append(UInt8(truncatingIfNeeded: value >> shift))
        }
    }

    private mutating func pad() {
        while bytes.count & 3 != 0 { bytes.append(0) }
    }
}
