import Events
import Foundation
import Synchronization
import TestKit
import Testing

@testable import EventDelivery
import Timestamps

/// Messages by way of the dispatcher, to servers of the test.
struct NotifySinkTests {
    /// A chat that answers as the test wants, and keeps what it is told.
    private final class Chat: Sendable {
        private struct State {
            var status = 200
            var bodies: [String] = []
            var asked = 0
        }

        private let state = Mutex(State())
        private let server = Mutex<ScriptedServer?>(nil)

        init() throws {
            let made = try ScriptedServer { [weak self] request in
                guard let self else { return .whole(500, "") }
                return .whole(take(request), "ok")
            }
            server.withLock { $0 = made }
        }

        private func take(_ request: ScriptedServer.Request) -> Int {
            state.withLock { state in
                state.asked += 1
                if state.status == 200 { state.bodies.append(request.body) }
                return state.status
            }
        }

        var port: UInt16 { server.withLock { $0?.port ?? 0 } }
        var bodies: [String] { state.withLock { $0.bodies } }
        var asked: Int { state.withLock { $0.asked } }
        func answer(_ status: Int) { state.withLock { $0.status = status } }
    }

    private let folder = try! Folder()
    private let log = CollectedLog()

    private func entry(
        _ chat: Chat, _ name: String = "chat", kind: NotifyEntry.Kind = .slack
    ) throws -> NotifyEntry {
        try folder.write("url", "http://127.0.0.1:\(chat.port)/services/T0/very-secret\n")
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: folder.path("url"))
        var entry = NotifyEntry()
        entry.name = name
        entry.kind = kind
        entry.urlFile = folder.path("url")
        entry.wait = .milliseconds(100)
        entry.interval = .milliseconds(100)
        return entry
    }

    private func dispatcher(_ entries: [NotifyEntry]) throws -> EventDispatcher {
        var options = DeliveryOptions()
        options.notify = entries
        return try EventDispatcher(
            path: folder.path("eve.json"), options: options, stateDirectory: folder.path(""),
            logger: log.logger)
    }

    @Test func eventsBecomeOneMessage() async throws {
        let chat = try Chat()
        let dispatcher = try dispatcher([entry(chat)])
        dispatcher.write(RenderedEvent(try notedAlert("10.0.0.1", name: "worker")))
        dispatcher.write(RenderedEvent(try notedChange(.add, "10.0.0.1", name: "worker")))
        #expect(await eventually { dispatcher.status("notify").written == 2 })
        let body = try #require(chat.bodies.first)
        #expect(chat.bodies.count == 1)
        #expect(body.contains("worker (10.0.0.1)"))
        #expect(body.contains("lazaret quarantine release 10.0.0.1"))
        dispatcher.stop()
        #expect(dispatcher.status("notify").dropped == 0)
    }

    @Test func aMessageIsTriedAgainAndNothingIsLost() async throws {
        let chat = try Chat()
        chat.answer(503)
        let dispatcher = try dispatcher([entry(chat)])
        dispatcher.write(RenderedEvent(try notedAlert("10.0.0.1", name: "first")))
        #expect(await eventually { dispatcher.status("notify").trouble == "answers 503" })
        dispatcher.write(RenderedEvent(try notedAlert("10.0.0.2", name: "second")))
        chat.answer(200)
        #expect(await eventually { dispatcher.status("notify").written == 2 })
        let all = chat.bodies.joined()
        #expect(all.contains("first (10.0.0.1)") && all.contains("second (10.0.0.2)"))
        #expect(dispatcher.status("notify").trouble == nil && chat.asked >= 2)
        dispatcher.stop()
        #expect(!log.lines.joined().contains("very-secret"), "\(log.lines)")
    }

    @Test func aRefusedMessageIsCountedInTheNextOne() async throws {
        let chat = try Chat()
        chat.answer(400)
        let dispatcher = try dispatcher([entry(chat)])
        dispatcher.write(RenderedEvent(try notedAlert("10.0.0.1")))
        #expect(await eventually { dispatcher.status("notify").dropped == 1 })
        chat.answer(200)
        dispatcher.write(RenderedEvent(try notedAlert("10.0.0.2")))
        #expect(await eventually { !chat.bodies.isEmpty })
        #expect(chat.bodies.first?.contains("1 events of earlier messages") == true)
        dispatcher.stop()
    }

    @Test func theEndOfTheMonitorSendsWhatWaits() throws {
        let chat = try Chat()
        var entry = try entry(chat)
        entry.wait = .seconds(600)
        let dispatcher = try dispatcher([entry])
        dispatcher.write(RenderedEvent(try notedChange(.add, "10.0.0.1")))
        dispatcher.stop()
        #expect(chat.bodies.count == 1 && dispatcher.status("notify").dropped == 0)
    }

    @Test func whoIsAwayHoldsUpNobodyAndIsNamedWithoutItsSecret() async throws {
        let (chat, other) = try (Chat(), Chat())
        let good = try entry(other, "good")
        let text = try String(contentsOfFile: folder.path("url"), encoding: .utf8)
        try folder.write("bad", "http://127.0.0.1:9/services/T0/very-secret")
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: folder.path("bad"))
        #expect(!text.isEmpty)
        var bad = try entry(chat, "bad")
        bad.urlFile = folder.path("bad")
        try folder.write("url", text)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: folder.path("url"))
        let dispatcher = try dispatcher([bad, good])
        for number in 0..<9000 {
            dispatcher.write(RenderedEvent(try notedAlert("10.1.\(number / 250).\(number % 250)")))
        }
        #expect(await eventually { !other.bodies.isEmpty })
        #expect(await eventually { dispatcher.status("notify bad").trouble != nil })
        dispatcher.stop()
        let status = dispatcher.status("notify bad")
        // What could not be told is counted.
        #expect(status.dropped == 9000 && status.waiting == 0, "\(status)")
        let good9000 = dispatcher.status("notify good")
        #expect(good9000.written + good9000.dropped == 9000)
        #expect(!log.lines.joined().contains("very-secret") && !"\(status)".contains("very-secret"))
    }

    @Test func aReloadKeepsWhatHasNotChanged() async throws {
        let chat = try Chat()
        let entry = try entry(chat)
        let dispatcher = try dispatcher([entry])
        dispatcher.write(RenderedEvent(try notedAlert("10.0.0.1")))
        #expect(await eventually { dispatcher.status("notify").written == 1 })
        var options = DeliveryOptions()
        options.notify = [entry]
        options.fileKinds = [.alert]
        try dispatcher.replace(path: folder.path("eve.json"), with: options)
        #expect(dispatcher.status("notify").written == 1)
        var bad = entry
        bad.urlFile = folder.path("none")
        options.notify = [entry, bad]
        #expect(throws: DeliveryError.self) {
            try dispatcher.replace(path: folder.path("eve.json"), with: options)
        }
        options.notify = []
        try dispatcher.replace(path: folder.path("eve.json"), with: options)
        #expect(dispatcher.status("notify").name == "none")
        dispatcher.stop()
    }

    @Test func aSecretThatOthersCanReadIsNotUsed() throws {
        let chat = try Chat()
        let entry = try entry(chat)
        for (mode, isUsable) in [(0o600, true), (0o400, true), (0o640, false), (0o604, false)] {
            try FileManager.default.setAttributes(
                [.posixPermissions: mode], ofItemAtPath: folder.path("url"))
            if isUsable {
                try entry.checkFiles()
            } else {
                #expect(throws: DeliveryError.self) { try entry.checkFiles() }
            }
        }
    }

    @Test(arguments: [
        "http://chat.example/x", "https://u:p@chat.example/x", "file:///etc/shadow", "no url",
        "https://chat.example/\nX-Header: 1", "",
    ])
    func whatIsNoURLIsRefusedWithoutShowingIt(text: String) throws {
        let chat = try Chat()
        let entry = try entry(chat)
        try folder.write("url", text)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o600], ofItemAtPath: folder.path("url"))
        do {
            try entry.checkFiles()
            Issue.record("it was accepted")
        } catch {
            #expect("\(error)".hasPrefix(folder.path("url")))
            #expect(text.isEmpty || !"\(error)".contains(text))
        }
    }
}
