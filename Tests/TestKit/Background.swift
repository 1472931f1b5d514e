internal import Foundation
internal import Testing

/// A running program, optionally in a network namespace; killed with the test.
public final class Background {
    private let process = Process()
    private let scratch: Scratch

    /// - Parameter words: the words before the program, such as `setpriv …`.
    public init(in space: Namespace? = nil, _ arguments: [String], behind words: [String] = [])
        throws
    {
        scratch = try Scratch()
        let enter = space.map { ["nsenter", "--net=/run/netns/\($0.name)"] } ?? []
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = enter + words + [Run.binary.path] + arguments
        process.currentDirectoryURL = Run.root
        func file(_ name: String) throws -> FileHandle {
            let url = URL(fileURLWithPath: try scratch.write(name, Data()))
            return try FileHandle(forWritingTo: url)
        }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try file("out")
        process.standardError = try file("err")
        try process.runUnblocked()
    }

    /// Words before a program that closes its inherited descriptors. Foundation considers a process
    /// ended when one of these is closed, so a shell waits for it and passes SIGTERM on.
    ///
    /// - Parameters:
    ///   - path: where the shell writes the program's identifier.
    ///   - file: a file that the program inherits as descriptor 7; it is created if it is missing.
    public static func supervised(identifier path: String, inheriting file: String) -> [String] {
        let shell = """
            exec 7<>"$1"; shift; "$@" & pid=$!; echo $pid >"$0"
            trap 'kill -TERM $pid' TERM; wait $pid; status=$?
            while kill -0 $pid 2>/dev/null; do wait $pid; status=$?; done; exit $status
            """
        return ["sh", "-c", shell, path, file]
    }

    deinit {
        if process.isRunning {
            signal(SIGKILL)
            process.waitUntilExit()
        }
    }

    public var output: String { text("out") }
    public var errors: String { text("err") }
    public var isRunning: Bool { process.isRunning }

    public var identifier: Int32 { process.processIdentifier }

    // env, nsenter and setpriv replace themselves, so the process is the program.
    public func signal(_ number: Int32) { kill(process.processIdentifier, number) }

    /// Whether the program has a handler for the signal; without one, the signal would end it.
    public func handles(_ number: Int32) -> Bool {
        let path = "/proc/\(identifier)/status"
        let text = (try? String(contentsOfFile: path, encoding: .utf8)) ?? ""
        let line = text.split(separator: "\n").first { $0.hasPrefix("SigCgt:") }
        let mask = line.flatMap { UInt64($0.dropFirst(8), radix: 16) } ?? 0
        return mask >> UInt64(number - 1) & 1 == 1
    }

    /// Sends the signal and waits for the end: the exit status, or the negated signal that ended
    /// it.
    public func end(by number: Int32) -> Int32 {
        signal(number)
        return status
    }

    public var status: Int32 {
        process.waitUntilExit()
        let status = process.terminationStatus
        return process.terminationReason == .exit ? status : -status
    }

    private func text(_ name: String) -> String {
        (try? String(contentsOfFile: scratch.path(name), encoding: .utf8)) ?? ""
    }
}
