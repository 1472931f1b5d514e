import TestKit
import Testing

@testable import PacketCapture

/// Interprets a program like the kernel; nil: the program is invalid.
private func run(_ program: [PortFilter.Instruction], index: UInt32, type: UInt32) -> UInt32? {
    var accumulator: UInt32 = 0
    var at = 0
    while at < program.count {
        let step = program[at]
        at += 1
        switch step.code {
        case 0x20, 0x28:
            switch step.value {
            case 0xFFFF_F004: accumulator = type
            case 0xFFFF_F008: accumulator = index
            default: return nil
            }
        case 0x05: at += Int(step.value)
        case 0x15: at += Int(accumulator == step.value ? step.jumpTrue : step.jumpFalse)
        case 0x35: at += Int(accumulator >= step.value ? step.jumpTrue : step.jumpFalse)
        case 0x06: return step.value
        default: return nil
        }
    }
    return nil
}

struct PortFilterTests {
    @Test(arguments: [0, 1, 7, 8, 9, 16, 17, 100, 1000])
    func eachViewIsKeptOrLeftOutAsWanted(count: Int) throws {
        var random = SeededGenerator(seed: UInt64(count))
        for _ in 0..<20 {
            var filter = PortFilter()
            for _ in 0..<count {
                filter.incomingLeftOut.insert(UInt32.random(in: 1...4000, using: &random))
                filter.outgoingKept.insert(UInt32.random(in: 1...4000, using: &random))
            }
            let program = filter.program(snapLength: 300)
            #expect(program.count <= PortFilter.instructionLimit)
            for _ in 0..<500 {
                let index = UInt32.random(in: 1...4001, using: &random)
                let isLeftOut = filter.incomingLeftOut.contains(index)
                for type in [0, 1, 2, 3] as [UInt32] {
                    #expect(run(program, index: index, type: type) == (isLeftOut ? 0 : 300))
                }
                let isKept = filter.outgoingKept.contains(index)
                #expect(run(program, index: index, type: 4) == (isKept ? 300 : 0))
            }
        }
    }

    @Test func whatIsTooLongForTheKernelKeepsMoreAndNeverLess() {
        var filter = PortFilter()
        filter.incomingLeftOut = [1, 2]
        filter.outgoingKept = Set((10..<6000).map { UInt32($0 * 3) })
        let program = filter.program(snapLength: 300)
        #expect(program.count <= PortFilter.instructionLimit)
        #expect(run(program, index: 2, type: 0) == 0 && run(program, index: 3, type: 0) == 300)
        #expect(run(program, index: 33, type: 4) == 300 && run(program, index: 1, type: 4) == 300)
    }

    @Test(.needsKernel, arguments: [0, 10, 1000, 2500])
    func theKernelTakesTheProgram(count: UInt32) throws {
        try Namespace("filter").inside {
            let ring = try PacketRing(size: 1 << 20)
            var filter = PortFilter()
            filter.outgoingKept = Set((0..<count).map { $0 * 2 + 3 })
            #expect(try ring.attach(filter.program(snapLength: 65_535)))
            // A program replaces another.
            #expect(try ring.attach(filter.program(snapLength: 65_535)))
        }
    }
}
