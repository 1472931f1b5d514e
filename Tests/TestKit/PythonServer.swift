public import Foundation
internal import Testing

/// A server in Python for a test; killed with the test.
public final class PythonServer {
    private static let python = "/usr/bin/python3"
    public static let isAvailable = FileManager.default.isExecutableFile(atPath: python)

    /// The first line that the script printed, such as its port.
    public let firstLine: String
    private let process = Process()

    /// - Parameter script: prints a line and flushes it when it is ready for clients.
    public init(_ script: String, _ arguments: [String] = [], in folder: URL? = nil) throws {
        process.executableURL = URL(fileURLWithPath: Self.python)
        process.arguments = ["-c", script] + arguments
        process.currentDirectoryURL = folder
        let output = Pipe()
        process.standardOutput = output
        try process.runUnblocked()
        var line = ""
        while !line.hasSuffix("\n") {
            let data = output.fileHandleForReading.availableData
            try #require(!data.isEmpty, "the server has ended")
            line += String(decoding: data, as: UTF8.self)
        }
        firstLine = String(line.dropLast())
    }

    public var isRunning: Bool { process.isRunning }

    deinit {
        kill(process.processIdentifier, SIGKILL)
        process.waitUntilExit()
    }
}
