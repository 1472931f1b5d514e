public import Foundation
public import Testing

extension Trait where Self == ConditionTrait {
    /// Needs these programs, which `scripts/install-dependencies.sh test` installs.
    public static func needs(_ programs: String...) -> Self {
        let missing = programs.filter { !isInstalled($0) }
        return .enabled(if: missing.isEmpty, "needs \(missing.joined(separator: " and "))")
    }
}

/// Whether a program is in the search path of this process or of root.
func isInstalled(_ program: String) -> Bool {
    let path = ProcessInfo.processInfo.environment["PATH"] ?? ""
    let folders = "\(path):/usr/sbin:/sbin".components(separatedBy: ":")
    return folders.contains {
        FileManager.default.isExecutableFile(atPath: "\($0)/\(program)")
    }
}

/// Runs the program like a user.
public struct Run {
    public let status: Int32
    public let output: String
    public let errors: String

    public static let root = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    /// The program: `LAZARET_BINARY`, or the result of `make build`.
    public static var binary: URL {
        if let path = ProcessInfo.processInfo.environment["LAZARET_BINARY"] {
            return URL(fileURLWithPath: path, relativeTo: root)
        }
        return root.appendingPathComponent(".build/release/lazaret")
    }

    public init(_ arguments: String..., input: Data? = nil) throws {
        try self.init(arguments, input: input)
    }

    public init(_ arguments: [String], input: Data? = nil) throws {
        let process = Process()
        process.executableURL = Self.binary
        process.currentDirectoryURL = Self.root
        process.arguments = arguments
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("lazaret-run-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        func file(_ name: String, _ data: Data) throws -> FileHandle {
            let url = folder.appendingPathComponent(name)
            try data.write(to: url)
            return try FileHandle(forUpdating: url)
        }
        let (out, err) = (try file("out", Data()), try file("err", Data()))
        process.standardOutput = out
        process.standardError = err
        process.standardInput = try file("in", input ?? Data())
        try process.run()
        process.waitUntilExit()
        status = process.terminationStatus
        func text(_ name: String) throws -> String {
            String(
                decoding: try Data(contentsOf: folder.appendingPathComponent(name)), as: UTF8.self)
        }
        output = try text("out")
        errors = try text("err")
    }

    /// The number of windows that the monitor on `socket` has scored; all earlier windows were
    /// scored too.
    public static func windows(judgedBy socket: String) -> Int {
        let run = try? Run("status", "--format", "json", "--socket", socket)
        return (try? run?.json.first)?["windows"] as? Int ?? 0
    }

    public var json: [[String: Any]] {
        get throws {
            try output.split(separator: "\n").map {
                try #require(
                    try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any])
            }
        }
    }
}

/// A folder that is removed with the test.
public final class Scratch {
    public let url: URL

    public init() throws {
        url = FileManager.default.temporaryDirectory.appendingPathComponent(
            "lazaret-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(at: url) }

    public func path(_ name: String) -> String { url.appendingPathComponent(name).path }

    @discardableResult
    public func write(_ name: String, _ data: Data, mode: Int? = nil) throws -> String {
        try data.write(to: URL(fileURLWithPath: path(name)))
        if let mode {
            try FileManager.default.setAttributes(
                [.posixPermissions: mode], ofItemAtPath: path(name))
        }
        return path(name)
    }

    /// A copy of a model of the clean sample capture.
    public func model() throws -> String {
        try write("clean.model", Self.cleanModel.get(), mode: 0o600)
    }

    /// The model's file; training is the same each time, so the tests of a process share it.
    private static let cleanModel = Result {
        let scratch = try Scratch()
        let run = try Run(
            "train", "-r", "captures/clean-train.pcap", "-o", scratch.path("clean.model"),
            "--inventory", "captures/inventory.yaml")
        #expect(run.status == 0, "\(run.errors)")
        return try Data(contentsOf: scratch.url.appendingPathComponent("clean.model"))
    }
}
