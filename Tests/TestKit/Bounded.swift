internal import Foundation

/// Runs the program and measures its peak memory.
public struct Bounded {
    public let status: Int32
    public let errors: String
    /// The largest resident size, as the kernel counted it.
    public let peakBytes: Int

    /// - Parameter seconds: the time after which it is ended.
    public init(_ arguments: [String], seconds: Int = 300) throws {
        let folder = FileManager.default.temporaryDirectory
            .appendingPathComponent("lazaret-bounded-\(UUID().uuidString)")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: folder) }
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/python3")
        process.currentDirectoryURL = Run.root
        process.arguments =
            [
                "-c",
                """
                import resource, subprocess, sys
                with open(sys.argv[1] + "/err", "w") as err:
                    code = subprocess.run(sys.argv[3:], stdout=subprocess.DEVNULL, stderr=err,
                                          timeout=int(sys.argv[2])).returncode
                open(sys.argv[1] + "/facts", "w").write(
                    f"{code} {resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss}")
                """, folder.path, "\(seconds)", Run.binary.path,
            ] + arguments
        try process.run()
        process.waitUntilExit()
        func text(_ name: String) throws -> String {
            String(
                decoding: try Data(contentsOf: folder.appendingPathComponent(name)), as: UTF8.self)
        }
        errors = try text("err")
        let facts = try text("facts").split(separator: " ").compactMap { Int($0) }
        status = Int32(facts.first ?? -1)
        peakBytes = (facts.last ?? Int.max >> 10) << 10
    }
}
