public import Foundation
internal import Testing

/// An authority and certificates that it signs, in a folder of the test: `NAME.crt` and `NAME.key`.
public struct Certificates {
    private static let openssl = "/usr/bin/openssl"
    public static let isAvailable = FileManager.default.isExecutableFile(atPath: openssl)

    private static let newKey = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"

    private let folder: URL
    private let authority: String

    public init(_ authority: String, in folder: URL) throws {
        self.folder = folder
        self.authority = authority
        try run(
            "req -x509 \(Self.newKey) -days 1 -subj /CN=\(authority) -keyout \(authority).key "
                + "-out \(authority).crt")
    }

    /// - Parameter names: the subject alternative names, such as `IP:127.0.0.1`.
    public func sign(_ name: String, names: String) throws {
        try run("req \(Self.newKey) -subj /CN=\(name) -keyout \(name).key -out \(name).csr")
        try Data("subjectAltName=\(names)".utf8).write(to: folder.appendingPathComponent("names"))
        try run(
            "x509 -req -in \(name).csr -CA \(authority).crt -CAkey \(authority).key "
                + "-CAcreateserial -days 1 -extfile names -out \(name).crt")
    }

    /// Runs `openssl` in the folder.
    public func run(_ words: String) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: Self.openssl)
        process.arguments = words.split(separator: " ").map(String.init)
        process.currentDirectoryURL = folder
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.runUnblocked()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl \(words)")
    }

    public func bytes(_ name: String) throws -> [UInt8] {
        [UInt8](try Data(contentsOf: folder.appendingPathComponent(name)))
    }
}
