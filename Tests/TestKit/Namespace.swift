public import Foundation
public import Testing

/// Whether these tests can create network namespaces: as root, with `ip` and `nft` installed.
public let mayUseKernel: Bool = {
    guard geteuid() == 0, let probe = try? Namespace() else { return false }
    return (try? probe.run("nft", "list", "ruleset")) != nil
}()

extension Trait where Self == ConditionTrait {
    public static var needsKernel: Self {
        .enabled(if: mayUseKernel, "needs root, iproute2 and nft to make network namespaces")
    }
}

public struct CommandFailed: Error, CustomStringConvertible {
    public var description: String

    public init(description: String) { self.description = description }
}

/// A network namespace, removed with the last reference.
public final class Namespace: Sendable {
    public let name: String

    public init(_ label: String = "ns") throws {
        let unique = UInt32.random(in: 0...UInt32.max)
        name = "lztest-\(getpid())-\(label)-" + String(unique, radix: 36)
        try Self.command(["ip", "netns", "add", name])
        try run("ip", "link", "set", "lo", "up")
    }

    deinit { _ = try? Self.command(["ip", "netns", "del", name]) }

    /// Runs a command in the namespace; returns its output, or throws an error with its message.
    @discardableResult
    public func run(_ words: String..., input: String = "") throws -> String {
        try Self.command(["nsenter", "--net=/run/netns/\(name)"] + words, input: input)
    }

    /// Starts a command in the namespace.
    public func start(_ words: String..., output: Pipe = Pipe()) throws -> Process {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["nsenter", "--net=/run/netns/\(name)"] + words
        process.standardOutput = output
        process.standardError = FileHandle.nullDevice
        try process.runUnblocked()
        return process
    }

    /// Runs `body` with this thread in the namespace; sockets that it opens stay there.
    public func inside<T>(_ body: () throws -> T) throws -> T {
        try enterNamespace("/run/netns/\(name)", body)
    }

    @discardableResult
    public static func command(_ words: [String], input: String = "") throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = words
        // Files instead of pipes, so neither side can block the other.
        let base = NSTemporaryDirectory() + "lztest-" + UUID().uuidString
        try Data(input.utf8).write(to: URL(fileURLWithPath: base + ".in"))
        _ = FileManager.default.createFile(atPath: base + ".out", contents: nil)
        defer {
            for end in [".in", ".out"] { try? FileManager.default.removeItem(atPath: base + end) }
        }
        process.standardInput = FileHandle(forReadingAtPath: base + ".in")
        let output = FileHandle(forWritingAtPath: base + ".out")
        process.standardOutput = output
        process.standardError = output
        try process.runUnblocked()
        process.waitUntilExit()
        try output?.close()
        let text = try String(contentsOfFile: base + ".out", encoding: .utf8)
        guard process.terminationStatus == 0 else {
            throw CommandFailed(
                description: "\(words.joined(separator: " ")): \(process.terminationStatus) \(text)"
            )
        }
        return text
    }
}

/// Runs `body` with this thread in the network namespace at `path`.
public func enterNamespace<T>(_ path: String, _ body: () throws -> T) throws -> T {
    typealias SetNS = @convention(c) (CInt, CInt) -> CInt
    guard let symbol = dlsym(nil, "setns") else { throw CommandFailed(description: "no setns") }
    let setns = unsafeBitCast(symbol, to: SetNS.self)
    let home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
    let there = open(path, O_RDONLY | O_CLOEXEC)
    defer {
        close(home)
        close(there)
    }
    guard home >= 0, there >= 0, setns(there, 0) == 0 else {
        throw CommandFailed(description: "cannot enter \(path): errno \(errno)")
    }
    defer { precondition(setns(home, 0) == 0, "lost in a test's namespace") }
    return try body()
}

extension Process {
    /// Runs it with no signal blocked. The threads of a test may block all signals and programs
    /// inherit that, so one that waits for its children or for SIGTERM would not receive them.
    package func runUnblocked() throws {
        var none = sigset_t()
        var before = sigset_t()
        sigemptyset(&none)
        pthread_sigmask(SIG_SETMASK, &none, &before)
        defer { pthread_sigmask(SIG_SETMASK, &before, nil) }
        try run()
    }
}
