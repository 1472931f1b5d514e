import Foundation
import SystemSupport
import TestKit
import Testing

/// Files that other programs replace while they are read: all of one version, or an error.
struct InputFileTests {
    private let scratch: Scratch
    private static let old = Data("one 1\ntwo 2\nthree 3\n".utf8)

    init() throws { scratch = try Scratch() }

    /// Reads some bytes, lets somebody change the file, and reads the rest.
    private func read(
        _ change: (_ path: String) throws -> Void
    ) throws -> (bytes: [UInt8], failure: String) {
        let path = try scratch.write("file", Self.old)
        var file = try InputFile(path, limit: 1 << 20)
        var (bytes, buffer) = ([UInt8](), [UInt8](repeating: 0, count: 8))
        #expect(try file.read(into: &buffer) == 8)
        bytes += buffer
        try change(path)
        do {
            while true {
                let count = try file.read(into: &buffer)
                if count == 0 { return (bytes, "") }
                bytes += buffer[..<count]
            }
        } catch { return (bytes, error.reason) }
    }

    @Test func anAtomicReplacementLeavesTheOldVersionWhole() throws {
        let (bytes, failure) = try read { path in
            let next = try scratch.write("next", Data("four 4\n".utf8))
            try #require(rename(next, path) == 0)
        }
        #expect(failure.isEmpty && bytes == Array(Self.old))
    }

    @Test func aRemovedFileIsReadWhole() throws {
        let (bytes, failure) = try read { try #require(unlink($0) == 0) }
        #expect(failure.isEmpty && bytes == Array(Self.old))
    }

    @Test(arguments: [0, 8, 13])
    func aTruncationInPlaceIsAnError(size: off_t) throws {
        let (_, failure) = try read { try #require(truncate($0, size) == 0) }
        #expect(failure == "was changed while it was read")
    }

    @Test func moreOrOtherBytesInPlaceAreAnError() throws {
        let longer = try read { path in
            let handle = try #require(FileHandle(forWritingAtPath: path))
            try handle.seekToEnd()
            try handle.write(contentsOf: Data("four 4\n".utf8))
            try handle.close()
        }
        #expect(longer.failure == "was changed while it was read")
        let equal = try read { path in
            let handle = try #require(FileHandle(forWritingAtPath: path))
            try handle.write(contentsOf: Data(Self.old.reversed()))
            try handle.close()
        }
        #expect(equal.failure == "was changed while it was read")
    }

    @Test func whatIsNoPlainFileIsNotWaitedFor() throws {
        let pipe = scratch.path("pipe")
        try #require(mkfifo(pipe, 0o600) == 0)
        let reasons = [
            pipe: "is no plain file", "/dev/zero": "is no plain file",
            scratch.path("."): "is a directory",
        ]
        for (path, reason) in reasons {
            var failure = ""
            do { _ = try InputFile.bytes(of: path, limit: 100) } catch { failure = error.reason }
            #expect(failure == reason, "\(path)")
        }
        let file = try scratch.write("file", Self.old)
        #expect(try InputFile.bytes(of: file, limit: 100) == Array(Self.old))
        #expect(throws: IOError.self) { try InputFile.bytes(of: file, limit: 10) }
    }
}
