import Events
import Foundation
import Glibc
import TestKit
import Testing

@testable import EventDelivery

/// Syslog servers of each kind, and delivery while there is none.
struct SyslogTests {
    private let folder = try! Folder()
    private let log = CollectedLog()

    private func dispatcher(_ address: String, facility: String = "local0") throws
        -> EventDispatcher
    {
        var options = DeliveryOptions()
        options.syslog = SyslogOptions(try #require(SyslogOptions.Address(address)))
        options.syslog?.facility = facility
        return try EventDispatcher(
            path: folder.path("eve.json"), options: options, stateDirectory: folder.path(""),
            logger: log.logger)
    }

    /// RFC 5424: priority and version, time, host, program, process, kind, no data, and the JSON.
    private func isWhole(_ message: String?, priority: Int, _ event: RenderedEvent) -> Bool {
        guard let message else { return false }
        let parts = message.split(separator: " ", maxSplits: 7).map(String.init)
        return parts.count == 8 && parts[0] == "<\(priority)>1"
            && parts[1] == "2026-11-21T01:13:24.301367Z" && parts[3] == "lazaret"
            && parts[4] == "\(getpid())" && parts[5] == "alert" && parts[6] == "-"
            && parts[7] == event.line
    }

    @Test func eachDatagramContainsOneMessage() throws {
        for isUnix in [true, false] {
            let receiver =
                try isUnix
                ? Receiver.unix(folder.path("log")) : Receiver.internet(SOCK_DGRAM)
            let dispatcher = try dispatcher(
                isUnix ? "unix:" + folder.path("log") : "udp:127.0.0.1:\(receiver.port)",
                facility: isUnix ? "daemon" : "local0")
            defer { dispatcher.stop() }
            dispatcher.write(stats)
            dispatcher.write(alert(1))
            dispatcher.write(alert(2, severity: .low))
            let facility = isUnix ? 24 : 128
            let (first, second) = (receiver.receive(), receiver.receive())
            #expect(isWhole(first, priority: facility + 2, alert(1)), "\(first ?? "")")
            #expect(isWhole(second, priority: facility + 5, alert(2, severity: .low)))
            let isCounted = eventually { dispatcher.status("syslog").written == 2 }
            #expect(isCounted && dispatcher.status("syslog").waiting == 0)
        }
    }

    @Test func aRestartedServerReceivesTheWaitingEvents() throws {
        let listener = try Receiver.internet(SOCK_STREAM)
        let dispatcher = try dispatcher("tcp:127.0.0.1:\(listener.port)")
        defer { dispatcher.stop() }
        dispatcher.write(alert(1, padding: 5000))
        var connection: Receiver? = try listener.accept()
        let message = try connection?.frame()
        #expect(isWhole(message, priority: 130, alert(1, padding: 5000)), "\(message ?? "")")
        // It restarts: the connection ends, and no server listens for a while.
        connection = nil
        shutdown(listener.number, Int32(SHUT_RDWR))
        let isEnded = eventually { listener.isEndSeen }
        #expect(isEnded)
        for number in 2..<5 { dispatcher.write(alert(number)) }
        let isReported = eventually { dispatcher.status("syslog").trouble != nil }
        #expect(isReported && dispatcher.status("syslog").waiting == 3)
        let again = try Receiver.internet(SOCK_STREAM, port: listener.port)
        let next = try again.accept()
        for number in 2..<5 {
            #expect(isWhole(try next.frame(), priority: 130, alert(number)))
        }
        let isCounted = eventually {
            dispatcher.status("syslog").written == 4 && dispatcher.status("syslog").trouble == nil
        }
        #expect(isCounted && dispatcher.status("syslog").dropped == 0)
        #expect(log.lines.count { $0.contains("events wait") } == 1)
    }

    @Test func aServerThatDoesNotReadDelaysNothing() throws {
        let listener = try Receiver.internet(SOCK_STREAM)
        let dispatcher = try dispatcher("tcp:127.0.0.1:\(listener.port)")
        let total = SinkWorker.capacity + 8000
        let event = alert(1, padding: 2000)
        // Waiting for the server would never end.
        for number in 0..<total {
            dispatcher.write(event)
            if number % 500 == 0 {
                let isWritten = eventually { dispatcher.statuses[0].waiting < 1000 }
                #expect(isWritten)
            }
        }
        let isWritten = eventually { dispatcher.statuses[0].written == UInt64(total) }
        #expect(isWritten && dispatcher.statuses[0].dropped == 0)
        let status = dispatcher.status("syslog")
        #expect(status.waiting <= SinkWorker.capacity && status.dropped > 0)
        #expect(Int(status.written) + status.waiting + Int(status.dropped) == total)
        #expect(log.lines.count { $0.contains("further ones are dropped") } == 1)
        // Nor does it delay its replacement: its pending events are dropped five seconds later.
        try dispatcher.replace(path: folder.path("eve.json"), with: DeliveryOptions())
        #expect(!log.lines.contains { $0.contains("are not delivered") })
        dispatcher.write(alert(total))
        let isNext = eventually { dispatcher.statuses[0].written == UInt64(total) + 1 }
        #expect(isNext && dispatcher.statuses.count == 1)
        let isGivenUp = eventually { log.lines.contains { $0.contains("are not delivered") } }
        #expect(isGivenUp)
        dispatcher.stop()
    }

    @Test func droppedEventsAreCounted() throws {
        let listener = try Receiver.internet(SOCK_STREAM)
        let dispatcher = try dispatcher("tcp:127.0.0.1:\(listener.port)")
        for number in 0..<6000 { dispatcher.write(alert(number, padding: 2000)) }
        dispatcher.stop()
        let last = dispatcher.status("syslog")
        #expect(last.waiting == 0 && last.dropped > 0 && last.written + last.dropped == 6000)
    }

    @Test(arguments: [
        "unix:log", "udp:host", "udp::514", "tcp:host:0", "tcp:host:70000", "tls:host:6514", "",
        "udp:fd00::1:514",
    ])
    func anInvalidAddressIsRefused(text: String) { #expect(SyslogOptions.Address(text) == nil) }

    @Test(arguments: ["unix:/dev/log", "udp:log.example:514", "tcp:[fd00::1]:601"])
    func anAddressIsWrittenInTheFormatThatIsRead(text: String) {
        #expect(SyslogOptions.Address(text)?.description == text)
    }
}
