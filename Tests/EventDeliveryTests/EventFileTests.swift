import Events
import Foundation
import TestKit
import Testing

@testable import EventDelivery

/// The event file: complete lines, private, rotated at a size or when it was moved.
struct EventFileTests {
    private let folder = try! Folder()
    private let statistics = SinkStatistics()

    @Test func linesAreAppendedAndAMovedFileIsReopened() throws {
        let path = folder.path("eve.json")
        try folder.write("eve.json", "before\n")
        var file = try EventFile(path: path, rotation: nil)
        let delivery = file.deliver(queued([alert(1), alert(2)]), statistics)
        try FileManager.default.moveItem(atPath: path, toPath: path + ".1")
        try file.reopen()
        _ = file.deliver(queued([alert(3)]), statistics)
        #expect(delivery.trouble == nil && delivery.settled == 2 && statistics.now.written == 3)
        #expect(folder.text("eve.json.1") == "before\n" + text([alert(1), alert(2)]))
        #expect(folder.text("eve.json") == text([alert(3)]))
        #expect(try folder.mode("eve.json") == 0o600)
    }

    @Test func aFileAtItsSizeLimitIsRotated() throws {
        var rotation = DeliveryOptions.Rotation()
        // Ten lines of equal length, of which three fit in a file.
        let lines = (0..<10).map { alert($0) }
        rotation.size = 3 * (lines[0].line.utf8.count + 1) + 10
        rotation.kept = 2
        var file = try EventFile(path: folder.path("eve.json"), rotation: rotation)
        #expect(file.deliver(queued(lines), statistics).settled == 10)
        #expect(folder.text("eve.json") == text(lines[9..<10]))
        #expect(folder.text("eve.json.1") == text(lines[6..<9]))
        #expect(folder.text("eve.json.2") == text(lines[3..<6]))
        #expect(!FileManager.default.fileExists(atPath: folder.path("eve.json.3")))
        #expect(try folder.mode("eve.json") == 0o600)
        // The existing size counts, also for a program that has just started.
        var again = try EventFile(path: folder.path("eve.json"), rotation: rotation)
        _ = again.deliver(queued(Array(lines[0..<3])), statistics)
        #expect(folder.text("eve.json.1") == text(lines[9..<10]) + text(lines[0..<2]))
        #expect(folder.text("eve.json") == text(lines[2..<3]))
    }

    @Test func aLineLongerThanTheSizeLimitHasItsOwnFile() throws {
        var rotation = DeliveryOptions.Rotation()
        rotation.size = alert(1).line.utf8.count + 10
        var file = try EventFile(path: folder.path("eve.json"), rotation: rotation)
        let lines = [alert(1), alert(2, padding: 50), alert(3)]
        #expect(file.deliver(queued(lines), statistics).settled == 3)
        #expect(folder.text("eve.json.2") == text(lines[..<1]))
        #expect(folder.text("eve.json.1") == text(lines[1..<2]))
        #expect(folder.text("eve.json") == text(lines[2...]))
    }

    @Test func anIncompleteLastLineIsTerminated() throws {
        try folder.write("eve.json", "{\"half")
        var file = try EventFile(path: folder.path("eve.json"), rotation: nil)
        _ = file.deliver(queued([alert(1)]), statistics)
        #expect(folder.text("eve.json") == "{\"half\n" + text([alert(1)]))
    }

    @Test func aFullDiskIsReportedOnceAndItsLinesWait() throws {
        let log = CollectedLog()
        let dispatcher = try EventDispatcher(
            path: "/dev/full", options: DeliveryOptions(), stateDirectory: folder.path(""),
            logger: log.logger)
        for number in 0..<3 { dispatcher.write(alert(number)) }
        let isReported = eventually {
            let status = dispatcher.statuses[0]
            return status.lagSeconds > 0.5 && status.trouble?.contains("No space left") == true
        }
        #expect(isReported && dispatcher.statuses[0].waiting == 3, "\(dispatcher.statuses[0])")
        #expect(log.lines.count { $0.contains("No space left") } == 1)
        dispatcher.stop()
        #expect(dispatcher.statuses[0].dropped == 3)
        #expect(log.lines.last == "/dev/full: 3 events are not delivered")
    }

    @Test func aPathThatCannotBeOpenedIsAnError() {
        #expect(throws: DeliveryError.self) {
            _ = try EventFile(path: "/none/eve.json", rotation: nil)
        }
    }
}
