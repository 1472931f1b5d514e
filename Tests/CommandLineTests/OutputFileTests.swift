import Foundation
import Glibc
import TestKit
import Testing

/// Files that commands write: complete or not at all, private, and never through a symbolic link.
@Suite(.serialized)
struct OutputFileTests {
    private let scratch = try! Scratch()
    private let model: String

    init() throws { model = try scratch.model() }

    private func mode(_ path: String) throws -> mode_t {
        var facts = stat()
        try #require(lstat(path, &facts) == 0, "\(path)")
        return facts.st_mode & 0o7777
    }

    /// Every command that writes a file, with the mode of a new file.
    private func commands(_ path: String) -> [(words: [String], mode: mode_t)] {
        let replay = ["replay", "-r", "captures/clean-test.pcap", "-m", model]
        return [
            (replay + ["-o", path], 0o600), (replay + ["--plan", path], 0o600),
            (replay + ["--report", path], 0o600),
            (["evaluate", "-r", "captures/clean-test.pcap", "-m", model, "-o", path], 0o600),
            (["flows", "-r", "captures/clean-test.pcap", "--format", "csv", "-o", path], 0o600),
            (["policy", "export", "-m", model, "--format", "nft", "-o", path], 0o600),
            (["train", "-r", "captures/clean-train.pcap", "-o", path], 0o644),
        ]
    }

    @Test func aSymbolicLinkIsRefusedAndItsTargetUnchanged() throws {
        let target = try scratch.write("target", Data("mine".utf8))
        let link = scratch.path("link")
        for (to, isThere) in [(target, true), (scratch.path("nothing"), false)] {
            #expect(symlink(to, link) == 0)
            for (words, _) in commands(link) {
                let run = try Run(words)
                #expect(run.status == 1, "\(words)")
                #expect(run.errors.contains("\(link): "), "\(run.errors)")
                #expect(run.errors.contains("is a symbolic link; name the file"), "\(run.errors)")
            }
            #expect(FileManager.default.fileExists(atPath: to) == isThere)
            #expect(unlink(link) == 0)
        }
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "mine")
    }

    @Test func newFilesArePrivateAndExistingFilesKeepTheirMode() throws {
        for (words, made) in commands(scratch.path("out")) {
            #expect(try Run(words).status == 0, "\(words)")
            #expect(try mode(scratch.path("out")) == made, "\(words)")
            chmod(scratch.path("out"), 0o640)
            #expect(try Run(words).status == 0, "\(words)")
            #expect(try mode(scratch.path("out")) == 0o640, "\(words)")
            #expect(unlink(scratch.path("out")) == 0)
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: scratch.url.path)
        #expect(left == ["clean.model"], "\(left)")
    }

    @Test func aDashIsStandardOutput() throws {
        for (words, _) in commands("-") {
            let run = try Run(words)
            guard words[0] != "train" else {
                #expect(run.status == 2 && run.errors.contains("name a file"), "\(run.errors)")
                continue
            }
            #expect(run.status == 0, "\(words): \(run.errors)")
            let file = scratch.path("out")
            #expect(try Run(words.map { $0 == "-" ? file : $0 }).status == 0, "\(words)")
            let written = try String(contentsOfFile: file, encoding: .utf8)
            #expect(!written.isEmpty && run.output.contains(written), "\(words): \(run.output)")
            #expect(unlink(file) == 0)
        }
        let made = Run.root.appendingPathComponent("-").path
        #expect(!FileManager.default.fileExists(atPath: made))
    }

    /// A file size limit of 4 KiB, which acts like a full disk.
    @Test func afterAnErrorTheOldFileIsUnchanged() throws {
        let out = try scratch.write("out", Data("old".utf8))
        for (words, _) in commands(out) where !words.contains("--plan") && words[0] != "evaluate" {
            // The other capture has more incidents, so its report is longer.
            let more = words.map { $0.replacingOccurrences(of: "clean-test", with: "mixed") }
            let program = try Background(
                more, behind: ["sh", "-c", "trap '' XFSZ; ulimit -f 8; exec \"$@\"", "sh"])
            #expect(program.status == 1, "\(more): \(program.errors)")
            #expect(program.errors.contains("File too large"), "\(program.errors)")
            #expect(try String(contentsOfFile: out, encoding: .utf8) == "old", "\(more)")
        }
        let left = try FileManager.default.contentsOfDirectory(atPath: scratch.url.path).sorted()
        #expect(left == ["clean.model", "out"], "\(left)")
    }

    @Test func aMissingFolderIsReportedWithAdvice() throws {
        let out = scratch.path("none/out")
        for (words, _) in commands(out) {
            let run = try Run(words)
            #expect(run.status == 1, "\(words): \(run.errors)")
            #expect(
                run.errors.contains(
                    "\(out): its folder does not exist; make it, or name another file\n"),
                "\(words): \(run.errors)")
        }
        #expect(!FileManager.default.fileExists(atPath: scratch.path("none")))
    }

    @Test func standardOutputCanBeNamedAsAFile() throws {
        let words = ["replay", "-r", "captures/mixed.pcap", "-m", model, "--format", "eve"]
        let plain = try Run(words).output
        #expect(try !plain.isEmpty && Run(words + ["-o", "/dev/stdout"]).output == plain)
        let appended = try Background(
            words + ["-o", "/dev/stdout"], behind: ["sh", "-c", "echo first; exec \"$@\"", "sh"])
        #expect(appended.status == 0 && appended.output == "first\n" + plain)
    }

    /// A pager that was left, or `head`: silent, and ended by SIGPIPE, as other programs are.
    @Test func aReaderThatHasGoneAwayEndsTheCommandSilently() throws {
        let capture = Run.root.appendingPathComponent("captures/clean-test.pcap").path
        for words in [
            ["model", "show", model], ["flows", "-r", capture], ["config", "dump"],
            ["flows", "-r", capture, "--format", "csv", "--stats"],
        ] {
            let output = try Namespace.command(
                ["bash", "-c", #"exec 3> >(:); wait $!; "$0" "$@" 2>&1 >&3; echo $?"#]
                    + [Run.binary.path] + words)
            #expect(output == "141\n", "\(words)")
        }
        // Of what is read, a part; the rest is not missed.
        let first = try Namespace.command(
            ["bash", "-c", #""$0" flows -r "$1" --format csv | head -n 1"#]
                + [Run.binary.path, capture])
        #expect(first.hasPrefix("start_ns,") && first.split(separator: "\n").count == 1)
    }

    /// What is written to a named pipe is missed by somebody.
    @Test func aNamedPipeWithoutAReaderIsSaid() throws {
        let capture = Run.root.appendingPathComponent("captures/clean-test.pcap").path
        let pipe = scratch.path("pipe")
        let output = try Namespace.command([
            "bash", "-c", #"mkfifo "$0"; (: < "$0") & "$1" flows -r "$2" -o "$0" 2>&1; echo $?"#,
            pipe, Run.binary.path, capture,
        ])
        #expect(output == "lazaret: \(pipe): the reader has gone away\n1\n")
    }
}

/// A state directory that belongs to the monitor's user, who may change it at will.
@Suite(.needsKernel)
struct StateDirectoryTests {
    private let space: Namespace
    private let scratch: Scratch
    private let state: String
    private static let nobody: uid_t = 65534

    init() throws {
        space = try Namespace()
        scratch = try Scratch()
        state = scratch.path("state")
        chmod(scratch.url.path, 0o755)
        #expect(mkdir(state, 0o700) == 0 && chown(state, Self.nobody, Self.nobody) == 0)
    }

    private func run(
        _ words: [String], behind: [String] = []
    ) throws -> (status: Int32, errors: String) {
        let program = try Background(in: space, words, behind: behind)
        return (program.status, program.errors)
    }

    private func owner(_ path: String) -> uid_t? {
        var facts = stat()
        return lstat(path, &facts) == 0 ? facts.st_uid : nil
    }

    @Test func filesThatRootCreatesThereBelongToTheUser() throws {
        let added = try run(["quarantine", "add", "10.9.0.1", "--state", state])
        #expect(added.status == 0, "\(added.errors)")
        let names = try FileManager.default.contentsOfDirectory(atPath: state)
        #expect(names.contains("lazaret.db") && names.contains("lazaret.lock"), "\(names)")
        for name in names { #expect(owner("\(state)/\(name)") == Self.nobody, "\(name)") }
        let rules = try space.run("nft", "list", "table", "inet", "lazaret")
        #expect(rules.contains("10.9.0.1"))
        let audit = try run(["audit", "verify", "--state", state])
        #expect(audit.status == 0, "\(audit.errors)")
    }

    @Test(arguments: ["lazaret.lock", "lazaret.db", "lazaret.db-wal", "lazaret.db-shm"])
    func rootFollowsNoSymbolicLinkOfTheUser(name: String) throws {
        // An existing target, readable by root only, and a missing one.
        let secret = try scratch.write("secret", Data("root's".utf8), mode: 0o600)
        for target in [secret, scratch.path("new")] {
            #expect(symlink(target, "\(state)/\(name)") == 0)
            _ = try run(["quarantine", "add", "10.9.0.1", "--state", state])
            _ = try run(["audit", "list", "--state", state])
            #expect(owner(scratch.path("new")) == nil)
            #expect(try String(contentsOfFile: secret, encoding: .utf8) == "root's")
            _ = unlink("\(state)/\(name)")
        }
    }

    /// The note of the monitor's address: root would connect to the link's target, or wait for the
    /// pipe for ever.
    @Test func theNoteOfTheSocketIsAPlainFile() throws {
        let elsewhere = scratch.path("elsewhere.sock")
        let note = try scratch.write("note", Data("\(elsewhere)\n".utf8))
        let server = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
        defer { close(server) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: elsewhere.utf8) }
        let bound = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(server, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
        #expect(bound == 0 && listen(server, 8) == 0)
        var isAsked: Bool {
            var wanted = pollfd(fd: server, events: Int16(POLLIN), revents: 0)
            return poll(&wanted, 1, 0) == 1
        }
        let lock = state + "/monitor.lock"
        #expect(symlink(note, lock) == 0)
        let words = ["quarantine", "add", "10.9.0.1", "--state", state]
        let linked = try run(words)
        #expect(linked.status == 0 && !isAsked, "\(linked.errors)")
        #expect(unlink(lock) == 0 && mkfifo(lock, 0o644) == 0)
        let piped = try run(words, behind: ["timeout", "60"])
        #expect(piped.status == 0, "\(piped.errors)")
        // A monitor's own note is used.
        #expect(unlink(lock) == 0)
        try "\(elsewhere)\n".write(toFile: lock, atomically: false, encoding: .utf8)
        let asked = try Background(in: space, words)
        let isReached = eventually { isAsked }
        #expect(isReached)
        asked.signal(SIGKILL)
    }

    @Test func eventsAreNotAppendedThroughALink() throws {
        let target = try scratch.write("target", Data("mine\n".utf8))
        let link = scratch.path("eve.json")
        let words = [
            "monitor", "-i", "lo", "--socket", "never", "--state", scratch.path("own"), "-o", link,
        ]
        for (to, isThere) in [(target, true), (scratch.path("new"), false)] {
            #expect(symlink(to, link) == 0)
            let started = try run(words, behind: ["timeout", "60"])
            #expect(started.status == 1, "\(started.status)")
            #expect(started.errors.contains("\(link): is a symbolic link; name the file"))
            #expect(FileManager.default.fileExists(atPath: to) == isThere)
            #expect(unlink(link) == 0)
        }
        #expect(try String(contentsOfFile: target, encoding: .utf8) == "mine\n")
    }

    @Test func aMonitorOfRootDoesNotWorkInIt() throws {
        let started = try run(
            ["monitor", "-i", "lo", "--state", state, "--socket", "never"])
        #expect(started.status == 1, "\(started.errors)")
        #expect(started.errors.contains("belongs to user 65534; start with --user"))
        #expect(try FileManager.default.contentsOfDirectory(atPath: state).isEmpty)
    }

    @Test func otherFilesKeepTheirOwner() throws {
        let other = scratch.path("other")
        #expect(mkdir(other, 0o755) == 0)
        try scratch.write("other/passwd", Data("root:x:0:0\n".utf8))
        let words = ["monitor", "-i", "lo", "--socket", "never", "--user", "nobody"]
        let directory = try run(words + ["--state", other])
        #expect(directory.status == 1, "\(directory.errors)")
        #expect(directory.errors.contains("holds files of others"), "\(directory.errors)")
        #expect(owner(other) == 0)
        let file = try run(words + ["--state", state, "-o", other + "/passwd"])
        #expect(file.status == 1 && file.errors.contains("something else than events"))
        #expect(owner(other + "/passwd") == 0)
        // A directory of a monitor that was started by root is accepted.
        try scratch.write("other/monitor.lock", Data())
        let own = try Background(in: space, words + ["--state", other])
        let isReady = eventually { !own.isRunning || owner(other) == Self.nobody }
        #expect(isReady && owner(other) == Self.nobody, "\(own.errors)")
        #expect(owner(other + "/passwd") == 0)
        own.signal(SIGKILL)
    }

    @Test(arguments: [true, false])
    func theSocketsDirectoryOfRootsMonitorBecomesTheUsers(isOnlyTheSockets: Bool) throws {
        let folder = scratch.path("run")
        #expect(mkdir(folder, 0o750) == 0)
        // What a monitor that was killed has left.
        try scratch.write("run/control.sock", Data())
        if !isOnlyTheSockets { try scratch.write("run/other", Data()) }
        let program = try Background(
            in: space,
            [
                "monitor", "-i", "lo", "--socket", folder + "/control.sock", "--user", "nobody",
                "--state", state,
            ])
        guard isOnlyTheSockets else {
            #expect(program.status == 1, "\(program.errors)")
            #expect(program.errors.contains("its directory cannot be written to"))
            return #expect(owner(folder) == 0)
        }
        let isReady = eventually { !program.isRunning || program.errors.contains("learning") }
        #expect(isReady && program.isRunning, "\(program.errors)")
        #expect(owner(folder) == Self.nobody)
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }

    @Test func inheritedDescriptorsAreClosed() throws {
        let secret = try scratch.write("secret", Data("root's".utf8), mode: 0o600)
        let program = try Background(
            in: space,
            [
                "monitor", "-i", "lo", "--socket", "never", "--user", "nobody", "--state", state,
            ],
            behind: Background.supervised(identifier: scratch.path("pid"), inheriting: secret))
        let isReady = eventually { !program.isRunning || program.errors.contains("learning") }
        #expect(isReady && program.isRunning, "\(program.errors)")
        let identifier = try String(contentsOfFile: scratch.path("pid"), encoding: .utf8)
        let folder = "/proc/\(identifier.trimmingCharacters(in: .newlines))/fd"
        let open = try FileManager.default.contentsOfDirectory(atPath: folder).compactMap {
            try? FileManager.default.destinationOfSymbolicLink(atPath: "\(folder)/\($0)")
        }
        #expect(!open.isEmpty && !open.contains(secret), "\(open)")
        #expect(program.end(by: SIGTERM) == 0, "\(program.errors)")
    }
}
