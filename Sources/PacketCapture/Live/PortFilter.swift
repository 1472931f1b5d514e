/// A classic BPF program that keeps the wanted views of frames, by interface and direction.
///
/// It may keep more than is wanted, where the lists are too long for the kernel; the reader checks
/// each frame again.
struct PortFilter: Equatable {
    /// One instruction, as `struct sock_filter` has it.
    struct Instruction: Equatable {
        var code: UInt16
        var jumpTrue: UInt8 = 0
        var jumpFalse: UInt8 = 0
        var value: UInt32 = 0
    }

    /// Interfaces whose incoming frames are dropped; those of every other one are kept, so that no
    /// frame of a new interface is missed.
    var incomingLeftOut: Set<UInt32> = []
    /// Interfaces whose outgoing frames are kept.
    var outgoingKept: Set<UInt32> = []

    /// Most instructions that the kernel accepts (BPF_MAXINSNS).
    static let instructionLimit = 4096
    /// Keeps every frame; installed where the kernel has no memory for the program.
    static let keepAll = [Instruction(code: Code.returnConstant, value: .max)]

    private enum Code {
        static let loadWord: UInt16 = 0x20
        static let loadHalf: UInt16 = 0x28
        static let jumpAlways: UInt16 = 0x05
        static let jumpIfEqual: UInt16 = 0x15
        static let jumpIfAtLeast: UInt16 = 0x35
        static let returnConstant: UInt16 = 0x06
    }

    // SKF_AD_OFF with SKF_AD_PKTTYPE and SKF_AD_IFINDEX of linux/filter.h.
    private static let packetType = UInt32(bitPattern: -0x1000 + 4)
    private static let interface = UInt32(bitPattern: -0x1000 + 8)
    /// PACKET_OUTGOING of packet(7).
    private static let outgoing: UInt32 = 4
    /// Comparisons in a row before a search is halved.
    private static let rowLength = 8

    /// The program.
    ///
    /// - Parameter snapLength: bytes of each frame that are kept.
    func program(snapLength: UInt32) -> [Instruction] {
        let whole = assemble(incomingLeftOut, outgoingKept, snapLength)
        if whole.count <= Self.instructionLimit { return whole }
        // The shorter list may fit alone.
        return incomingLeftOut.count < outgoingKept.count
            ? assemble(incomingLeftOut, nil, snapLength) : assemble([], outgoingKept, snapLength)
    }

    /// Without the second list all outgoing frames are kept.
    private func assemble(
        _ leftOut: Set<UInt32>, _ kept: Set<UInt32>?, _ snapLength: UInt32
    ) -> [Instruction] {
        let incoming = Self.search(
            leftOut.sorted()[...], found: 0, otherwise: snapLength)
        let outgoing = kept.map {
            Self.search($0.sorted()[...], found: snapLength, otherwise: 0)
        }
        return [
            Instruction(code: Code.loadHalf, value: Self.packetType),
            Instruction(code: Code.jumpIfEqual, jumpTrue: 0, jumpFalse: 1, value: Self.outgoing),
            Instruction(code: Code.jumpAlways, value: UInt32(incoming.count + 1)),
            Instruction(code: Code.loadWord, value: Self.interface),
        ] + incoming + [Instruction(code: Code.loadWord, value: Self.interface)]
            + (outgoing ?? [Instruction(code: Code.returnConstant, value: snapLength)])
    }

    /// Returns `found` where the accumulator is one of the sorted keys, else `otherwise`.
    private static func search(
        _ keys: ArraySlice<UInt32>, found: UInt32, otherwise: UInt32
    ) -> [Instruction] {
        guard keys.count > rowLength else {
            // The last instruction is for a match.
            let row = keys.enumerated().map { place, key in
                Instruction(
                    code: Code.jumpIfEqual, jumpTrue: UInt8(keys.count - place), value: key)
            }
            return row + [Instruction(code: Code.returnConstant, value: otherwise)]
                + (keys.isEmpty ? [] : [Instruction(code: Code.returnConstant, value: found)])
        }
        let middle = keys.startIndex + keys.count / 2
        let lower = search(keys[..<middle], found: found, otherwise: otherwise)
        let upper = search(keys[middle...], found: found, otherwise: otherwise)
        // A conditional jump reaches 255 instructions far, the unconditional one any number.
        return [
            Instruction(
                code: Code.jumpIfAtLeast, jumpTrue: 0, jumpFalse: 1, value: keys[middle]),
            Instruction(code: Code.jumpAlways, value: UInt32(lower.count)),
        ] + lower + upper
    }
}
