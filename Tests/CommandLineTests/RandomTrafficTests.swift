import Foundation
import TestKit
import Testing

/// Whatever the traffic is and whatever its clock says, no command that reads captures traps.
struct RandomTrafficTests {
    @Test(.needs("python3"), arguments: [0, 20, 40])
    func capturesOfRandomTrafficAreAnalysed(firstSeed: Int) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.currentDirectoryURL = Run.root
        process.arguments = [
            "python3", "Fuzz/traffic.py", Run.binary.path, "20", "\(firstSeed)",
        ]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = pipe
        try process.runUnblocked()
        let said = String(
            decoding: try pipe.fileHandleForReading.readToEnd() ?? Data(), as: UTF8.self)
        process.waitUntilExit()
        #expect(process.terminationStatus == 0, "\(said)")
        #expect(said.hasSuffix("20 captures, 0 failures\n"), "\(said)")
    }
}
