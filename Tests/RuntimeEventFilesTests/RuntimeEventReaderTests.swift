import Foundation
import RuntimeEventFiles
import RuntimeEvents
import Testing
import Timestamps
import Workloads

/// The formats of Falco, Tetragon and auditd, and what is not one of them.
struct RuntimeEventReaderTests {
    private static let id = "4f66ad9a0b2e61d0c3b7a85f94e2d1c0ab12cd34ef567890a1b2c3d4e5f60718"

    static func sample(_ name: String) throws -> [UInt8] {
        let folder = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        return Array(try Data(contentsOf: folder.appendingPathComponent("samples/\(name)")))
    }

    private func rules(
        least: RuntimeEvent.Priority = .debug, arguments: Bool = false
    ) -> RuntimeEventRules {
        var rules = RuntimeEventRules()
        rules.least = least
        rules.keepsArguments = arguments
        return rules
    }

    private func read(_ name: String, _ rules: RuntimeEventRules) throws -> (
        [ReportedEvent], RuntimeEventCounts
    ) {
        var reader = RuntimeEventReader(rules)
        let events = reader.read(text: try Self.sample(name)[...]) + reader.finish()
        return (events, reader.counts)
    }

    @Test func alertsOfFalcoAreRead() throws {
        let (events, counts) = try read("falco.jsonl", rules())
        try #require(events.count == 4)
        #expect(counts.lines == 5 && counts.foreign == 1 && counts.malformed == 0)
        let shell = events[0]
        #expect(shell.event.title == "Terminal shell in container (falco, Warning)")
        #expect(shell.event.time == Timestamp(nanoseconds: 1_795_688_130_123_456_789))
        #expect(shell.event.process == "bash" && shell.event.container == "web-1")
        #expect(shell.places == [.container("4f66ad9a0b2e"), .name("web-1")])
        #expect(
            shell.event.text(from: 1_795_688_170)
                == "40 s before: Terminal shell in container (falco, Warning), bash, in web-1: "
                + "parent runc, user root")
        #expect(
            events[1].places
                == [
                    .container("4f66ad9a0b2e"),
                    .pod(namespace: "shop", name: "web-6d5f7c9b8-x2k4p"), .name("web-1"),
                ])
        #expect(events[1].event.detail == "connection 10.88.0.5:41022->203.0.113.7:4444")
        #expect(events[2].isOfHost && events[2].places.isEmpty)
        #expect(events[3].places.isEmpty && !events[3].isOfHost)
        #expect(try read("falco.jsonl", rules(least: .notice)).1.below == 1)
    }

    @Test func eventsOfTetragonAreRead() throws {
        let (events, counts) = try read("tetragon.jsonl", rules())
        try #require(events.count == 3)
        #expect(counts.lines == 5 && counts.foreign == 2 && counts.malformed == 0)
        #expect(events[0].event.rule == "exec" && events[0].event.priority == .informational)
        #expect(
            events[0].places
                == [
                    .container(Self.id), .podUID("1b2c3d4e-0000-4000-8000-0123456789ab"),
                    .pod(namespace: "shop", name: "web-6d5f7c9b8-x2k4p"),
                ])
        #expect(events[1].event.rule == "connect: tcp_connect")
        #expect(events[1].event.priority == .notice)
        #expect(
            events[1].event.detail == "parent /bin/sh, connection to 203.0.113.7 4444")
        // A policy that has stopped a process is more than a notice.
        #expect(events[2].event.priority == .warning)
        #expect(events[2].event.detail == "read of /etc/shadow, file /etc/shadow")
        #expect(events[2].places == [.container(String(Self.id.prefix(31)))])
    }

    @Test func recordsOfAuditdAreJoinedToEvents() throws {
        let (events, counts) = try read("audit.log", rules(arguments: true))
        #expect(counts.lines == 8 && counts.malformed == 0)
        try #require(events.count == 4)
        let connect = events[0]
        #expect(connect.event.title == "net-connect (auditd, Notice)")
        #expect(connect.event.process == "/usr/bin/curl")
        #expect(
            connect.event.detail
                == "connection to 203.0.113.7 443, command curl -s http://example.net")
        #expect(connect.places == [.process(2144), .process(2101)])
        #expect(events[1].event.title == "ANOM_PROMISCUOUS (auditd, Warning)")
        #expect(events[1].places == [.process(3000)])
        let exec = events[2]
        #expect(exec.event.rule == "SYSCALL" && exec.event.priority == .informational)
        #expect(exec.event.detail == "refused")
        // What a program writes into its message is no field of the record.
        #expect(events[3].event.rule == "USER_AUTH")
    }

    /// Command lines have passwords: without the setting nothing of them is kept.
    @Test func argumentsAreLeftOut() throws {
        for name in ["falco.jsonl", "tetragon.jsonl", "audit.log"] {
            let (events, _) = try read(name, rules())
            #expect(!"\(events)".contains("S3cret") && !"\(events)".contains("example.net"))
        }
        let (kept, _) = try read("falco.jsonl", rules(arguments: true))
        #expect(kept.first?.event.detail.contains("bash -c mysql") == true)
    }

    /// Every cut of every line, wrong types, depth, length and control characters.
    @Test func malformedLinesAreCountedAndHarmless() throws {
        for name in ["falco.jsonl", "tetragon.jsonl", "audit.log"] {
            for line in try Self.sample(name).split(separator: 10) {
                var reader = RuntimeEventReader(rules())
                for end in stride(from: 1, to: line.count, by: 7) {
                    _ = reader.read(line: line.prefix(end))
                }
                let counts = reader.counts
                #expect(counts.lines > 5)
                if line.first == UInt8(ascii: "{") {
                    #expect(counts.malformed == counts.lines && counts.events == 0)
                }
            }
        }
        var reader = RuntimeEventReader(rules())
        func count(_ text: String) -> RuntimeEventCounts {
            let before = reader.counts
            _ = reader.read(line: Array(text.utf8)[...])
            var after = reader.counts
            after.malformed -= before.malformed
            after.oversized -= before.oversized
            after.foreign -= before.foreign
            after.events -= before.events
            return after
        }
        let time = #""time":"2026-11-26T10:15:30Z""#
        for text in [
            #"{"rule":5,"priority":"Warning",\#(time)}"#,
            #"{"rule":"a","priority":"Loud",\#(time)}"#,
            #"{"rule":"a","priority":"Warning","time":"yesterday"}"#,
            #"{"rule":"a","priority":"Warning","time":1795688130}"#,
            #"{"rule":"a","priority":"Warning",\#(time),"output_fields":[1]}"#,
            #"{"process_kprobe":{"process":"nc"},\#(time)}"#,
            #"{"process_exec":{},\#(time)}"#, #"{"process_exec":null,\#(time)}"#,
            "type=SYSCALL msg=audit(x:1): pid=1", "type=SYSCALL msg=audit(1.123): pid=1",
            "type=SYSCALL", "node=a", "{", "{}}",
        ] { #expect(count(text).malformed == 1, "\(text)") }
        for text in [#"{"event_type":"alert"}"#, "hello", "[1,2]", "\u{1B}[2J", "{}"] {
            #expect(count(text).foreign == 1, "\(text)")
        }
        let deep = String(repeating: "[", count: 100_000)
        #expect(count(#"{"rule":\#(deep)"#).oversized == 1)
        #expect(count(#"{"rule":"\#(String(repeating: "a", count: 300_000))"#).oversized == 1)
        let long = String(repeating: "b", count: 9000)
        let evil =
            #"{"rule":"a\u001b[2J\u202e\#(long)","priority":"Error",\#(time),"output_fields":"#
            + #"{"container.id":["x"],"proc.name":{"a":1},"user.name":7}}"#
        let event = try #require(reader.read(line: Array(evil.utf8)[...]).first)
        #expect(event.event.rule.hasPrefix("a?[2J?b") && event.event.rule.count == 121)
        #expect(event.places.isEmpty && event.event.detail == "user 7")
    }

    // MARK: - Joining

    @Test func onlyWhatIsUniqueIsJoined() throws {
        let other = "4f66ad9a0b2e" + String(repeating: "0", count: 52)
        let index = ContainerIndex([
            .init(id: Self.id, name: "web-1", workload: "shop/web"),
            .init(id: "aa66ad9a0b2e61d0", name: "db", workload: "shop/db"),
            .init(id: "1b2c3d4e-0000-4000-8000-0123456789ab", name: "shop/web-x", workload: "pods"),
        ])
        #expect(index.container("4f66ad9a0b2e") == .workload("shop/web"))
        #expect(index.container(Self.id) == .workload("shop/web"))
        #expect(index.container("4f66ad9a0b2") == .unknown, "too short")
        #expect(index.container("4f66ad9a0b2f") == .unknown)
        #expect(index.container("") == .unknown)
        #expect(index.container("1b2c3d4e-000") == .unknown, "no digits of a container")
        #expect(
            index.pod(uid: "1b2c3d4e-0000-4000-8000-0123456789ab") == .workload("pods"))
        let twice = ContainerIndex([
            .init(id: Self.id, name: "web", workload: "shop/web"),
            .init(id: other, name: "web", workload: "shop/db"),
        ])
        #expect(twice.container("4f66ad9a0b2e") == .ambiguous)
        #expect(twice.container(Self.id) == .workload("shop/web"))
        #expect(twice.named("web") == .ambiguous)
        // The name of a container whose identifier is not known here is chosen by who started it.
        let events = try read("falco.jsonl", rules()).0
        let event = try #require(events.first)
        let names = ContainerIndex([.init(id: "", name: "web-1", workload: "victim")])
        #expect(names.workload(of: event, hasIdentifiers: true) == .unknown)
        #expect(names.workload(of: event, hasIdentifiers: false) == .workload("victim"))
        let pods = ContainerIndex([.init(id: "", name: "shop/web", workload: "shop/web")])
        #expect(pods.workload(of: events[1], hasIdentifiers: false) == .workload("shop/web"))
    }

    /// The control groups of Docker, Podman, containerd and nested ones, in a folder like procfs.
    @Test func processesAreJoinedWhileTheyLive() throws {
        let folder = FileManager.default.temporaryDirectory.appendingPathComponent("\(UUID())")
        defer { try? FileManager.default.removeItem(at: folder) }
        func write(_ name: String, _ text: String) throws {
            let path = folder.appendingPathComponent(name)
            try FileManager.default.createDirectory(
                at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
            try Data(text.utf8).write(to: path)
        }
        try write("stat", "cpu 1 2 3\nbtime 1795680000\n")
        func process(_ number: Int, started ticks: Int, _ groups: String) throws {
            try write(
                "\(number)/stat",
                "\(number) (a ) b) S 1 1 1 0 -1 4194560 1 1 1 1 1 1 1 1 20 0 1 0 \(ticks) 1 1\n")
            try write("\(number)/cgroup", groups)
        }
        let pod = "kubepods-burstable-pod1b2c3d4e_0000_4000_8000_0123456789ab.slice"
        try process(10, started: 100, "0::/system.slice/docker-\(Self.id).scope\n")
        try process(11, started: 100, "0::/kubepods.slice/\(pod)/cri-containerd-\(Self.id).scope\n")
        try process(12, started: 100, "0::/user.slice/user-0.slice\n")
        let inner = String(repeating: "b", count: 64)
        try process(13, started: 100, "4:memory:/docker/\(Self.id)/docker/\(inner)\n")
        try process(14, started: 200_000, "0::/system.slice/docker-\(Self.id).scope\n")
        let table = ProcessTable(folder: folder.path)
        let time = Timestamp(second: 1_795_680_060)
        #expect(table.places(of: 10, at: time) == [.container(Self.id)])
        #expect(
            table.places(of: 11, at: time)
                == [.container(Self.id), .podUID("1b2c3d4e-0000-4000-8000-0123456789ab")])
        #expect(table.places(of: 12, at: time) == [])
        #expect(table.places(of: 13, at: time) == [.container(inner), .container(Self.id)])
        #expect(table.places(of: 14, at: time) == nil, "a younger process with the same number")
        #expect(table.places(of: 99, at: time) == nil)
        #expect(ProcessTable().places(of: getpid(), at: Timestamp(second: 1)) == nil)
    }
}
