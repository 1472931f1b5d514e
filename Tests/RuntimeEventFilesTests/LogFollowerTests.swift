import Foundation
import RuntimeEvents
import Testing

@testable import RuntimeEventFiles

/// A file is followed as `tail -F` does.
struct LogFollowerTests {
    private let path = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
        .path

    private func line(_ rule: String) -> String {
        #"{"rule":"\#(rule)","priority":"Error","time":"2026-11-26T10:15:30Z"}"# + "\n"
    }

    private func append(_ text: String) throws {
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.seekToEnd()
        try handle.write(contentsOf: Data(text.utf8))
        try handle.close()
    }

    private func create(_ text: String) throws {
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
    }

    private func rules(_ follower: LogFollower) -> [String] { follower.read().map(\.event.rule) }

    @Test func aFileIsFollowedThroughRotationAndTruncation() throws {
        defer { for end in ["", ".1"] { try? FileManager.default.removeItem(atPath: path + end) } }
        try create(line("old") + "{\"rule\":")
        let follower = LogFollower(path: path, reader: RuntimeEventReader(), from: nil)
        #expect(rules(follower).isEmpty, "what was there at the first start is old")
        // The rest of a line whose begin was not read is left out, and not counted as malformed.
        try append("5}\n" + line("a") + String(line("b").prefix(20)))
        #expect(rules(follower) == ["a"])
        #expect(follower.reader.counts.malformed == 0)
        try append(String(line("b").dropFirst(20)))
        #expect(rules(follower) == ["b"])
        // Renamed, and still written to for a moment.
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        let old = try #require(FileHandle(forWritingAtPath: path + ".1"))
        try old.seekToEnd()
        try old.write(contentsOf: Data(line("c").utf8))
        #expect(rules(follower) == ["c"])
        try old.write(contentsOf: Data((line("d") + "cut").utf8))
        try create(line("e"))
        #expect(rules(follower) == ["d", "e"])
        #expect(follower.reader.counts.malformed == 1, "the cut line of the old file")
        // Cut and written again.
        let handle = try #require(FileHandle(forWritingAtPath: path))
        try handle.truncate(atOffset: 0)
        #expect(rules(follower).isEmpty)
        try append(line("f"))
        #expect(rules(follower) == ["f"])
    }

    @Test func readingGoesOnAfterARestart() throws {
        defer { for end in ["", ".1"] { try? FileManager.default.removeItem(atPath: path + end) } }
        try create(line("old"))
        let first = LogFollower(path: path, reader: RuntimeEventReader(), from: nil)
        _ = first.read()
        try append(line("a") + String(line("b").prefix(9)))
        #expect(rules(first) == ["a"])
        let position = try #require(first.position)
        try append(String(line("b").dropFirst(9)))
        let known = LogFollower.Position("\(position)")
        #expect(known == position)
        let second = LogFollower(path: path, reader: RuntimeEventReader(), from: known)
        #expect(rules(second) == ["b"], "the line that was half written")
        // Another file since then is read from its beginning.
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        try create(line("c"))
        let third = LogFollower(path: path, reader: RuntimeEventReader(), from: known)
        #expect(rules(third) == ["c"])
        for text in ["", "1 2", "a b c", "1 2 -3", "1 2 3 4"] {
            #expect(LogFollower.Position(text) == nil, "\(text)")
        }
    }

    @Test func aFileThatComesLaterIsReadAndAPipeIsNot() throws {
        defer { try? FileManager.default.removeItem(atPath: path) }
        let follower = LogFollower(path: path, reader: RuntimeEventReader(), from: nil)
        #expect(rules(follower).isEmpty)
        #expect(follower.trouble == "\(path): is not there")
        try create(line("a"))
        #expect(rules(follower) == ["a"] && follower.trouble == nil)
        let device = LogFollower(path: "/dev/zero", reader: RuntimeEventReader(), from: nil)
        #expect(device.read().isEmpty && device.trouble == "/dev/zero: is no plain file")
        // A line without an end is not kept in memory.
        try append(String(repeating: "x", count: 600_000))
        #expect(rules(follower).isEmpty)
        try append("\n" + line("b"))
        #expect(rules(follower) == ["b"])
        #expect(follower.reader.counts.oversized == 1)
    }
}
