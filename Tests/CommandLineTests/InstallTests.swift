import Foundation
import TestKit
import Testing

/// The files of `make install`: generated from the program, complete, and removed by `make
/// uninstall`; and the packages.
@Suite(.serialized, .needs("python3", "make"))
struct InstallTests {
    private let scratch = try! Scratch()

    private func text(_ path: String) throws -> String {
        try String(contentsOfFile: path, encoding: .utf8)
    }

    private func writeManual() throws -> String {
        let folder = scratch.path("manual")
        try Namespace.command([
            "python3", Run.root.appendingPathComponent("scripts/manual.py").path, Run.binary.path,
            Run.root.appendingPathComponent("config/lazaret.yaml").path, folder,
        ])
        return folder
    }

    /// The manual with the completions, as `make manual` writes them.
    private func writeCompletions() throws -> String {
        let folder = try writeManual()
        for shell in ["bash", "zsh", "fish"] {
            let run = try Run("--generate-completion-script", shell)
            #expect(run.output.contains("quarantine"))
            _ = try scratch.write("manual/\(shell)", Data(run.output.utf8))
        }
        return folder
    }

    @Test func theManualNamesEveryCommandOptionAndKey() throws {
        let folder = try writeManual()
        let program = try text(folder + "/lazaret.1").replacingOccurrences(of: "\\-", with: "-")
        let dump = try Run("--experimental-dump-help")
        let root = try #require(
            try JSONSerialization.jsonObject(with: Data(dump.output.utf8)) as? [String: Any])
        var count = 0
        func check(_ command: [String: Any], _ path: String) throws {
            for child in command["subcommands"] as? [[String: Any]] ?? [] {
                let name = try #require(child["commandName"] as? String)
                guard name != "help" else { continue }
                #expect(program.contains(".SS \"\(path) \(name)\""), "\(path) \(name)")
                for argument in child["arguments"] as? [[String: Any]] ?? [] {
                    for option in argument["names"] as? [[String: Any]] ?? [] {
                        let word = option["name"] as? String ?? "?"
                        let dashes = option["kind"] as? String == "short" ? "-" : "--"
                        #expect(program.contains("\\fB\(dashes)\(word)\\fR"), "\(word)")
                        count += 1
                    }
                }
                try check(child, "\(path) \(name)")
            }
        }
        try check(try #require(root["command"] as? [String: Any]), "lazaret")
        #expect(count > 50)
        let keys = try text(folder + "/lazaret.yaml.5").replacingOccurrences(of: "\\-", with: "-")
        for line in try Run("config", "dump", "-c", "config/lazaret.yaml").output.split(
            separator: "\n")
        {
            let key = line.prefix { $0 != ":" }.drop { $0 == " " }
            #expect(keys.contains("\\fB\(key)\\fR"), "\(key)")
        }
    }

    @Test(.needs("man"))
    func theManualIsValidRoff() throws {
        let folder = try writeManual()
        for page in ["lazaret.1", "lazaret.yaml.5"] {
            let said = try Namespace.command([
                "sh", "-c",
                """
                LC_ALL=C.UTF-8 man --warnings -E UTF-8 -l -Tutf8 -Z \(folder)/\(page) 2>&1 \
                >/dev/null
                """,
            ])
            #expect(said.isEmpty, "\(said)")
        }
    }

    @Test func uninstallRemovesAllInstalledFiles() throws {
        let folder = try writeCompletions()
        let destination = scratch.path("there")
        func make(_ target: String) throws {
            try Namespace.command([
                "make", "-s", "-C", Run.root.path, target, "DESTDIR=\(destination)",
                "MANUAL=\(folder)", "LAZARET=\(Run.binary.path)", "PREFIX=/opt/lazaret",
            ])
        }
        func files() throws -> Set<String> {
            let all = try FileManager.default.subpathsOfDirectory(atPath: destination)
            return Set(
                all.filter { path in
                    var isFolder: ObjCBool = false
                    return FileManager.default.fileExists(
                        atPath: "\(destination)/\(path)", isDirectory: &isFolder)
                        && !isFolder.boolValue
                })
        }
        try make("install-files")
        #expect(
            try files() == [
                "etc/lazaret/lazaret.yaml", "etc/systemd/system/lazaret.service",
                "opt/lazaret/bin/lazaret", "opt/lazaret/lib/sysusers.d/lazaret.conf",
                "opt/lazaret/share/man/man1/lazaret.1",
                "opt/lazaret/share/man/man5/lazaret.yaml.5",
                "opt/lazaret/share/bash-completion/completions/lazaret",
                "opt/lazaret/share/zsh/site-functions/_lazaret",
                "opt/lazaret/share/fish/vendor_completions.d/lazaret.fish",
            ])
        let unit = try text(destination + "/etc/systemd/system/lazaret.service")
        #expect(unit.contains("ExecStart=/opt/lazaret/bin/lazaret monitor"))
        let program = destination + "/opt/lazaret/bin/lazaret"
        try expectStripped(program)
        // An existing configuration is kept.
        let configuration = destination + "/etc/lazaret/lazaret.yaml"
        try Data("enforce: true\n".utf8).write(to: URL(fileURLWithPath: configuration))
        try make("install-files")
        #expect(try text(configuration) == "enforce: true\n")
        try make("uninstall")
        #expect(try files() == ["etc/lazaret/lazaret.yaml"])
    }

    /// The greatest size of the installed program.
    private static let sizeLimit = 45_000_000

    /// Checks that an installed program runs, is stripped, and refers to the file with its symbols.
    private func expectStripped(_ program: String) throws {
        let sections = try Namespace.command(["readelf", "--wide", "--sections", program])
        #expect(!sections.contains(".symtab") && !sections.contains(".debug_info"))
        #expect(sections.contains(".gnu_debuglink"))
        #expect(try Namespace.command([program, "--version"]) == Run("--version").output)
        let size = try FileManager.default.attributesOfItem(atPath: program)[.size] as? Int
        #expect(try #require(size) <= Self.sizeLimit)
    }

    @Test(.needs("dpkg-deb", "readelf"))
    func thePackageContainsTheProgramAndTheSymbolsAreSeparate() throws {
        let out = scratch.path("out")
        try Namespace.command([
            "make", "-s", "-C", Run.root.path, "package", "OUT=\(out)",
            "MANUAL=\(try writeCompletions())", "LAZARET=\(Run.binary.path)",
        ])
        let version = try Run("--version").output.filter { !$0.isNewline }
        let packages = try FileManager.default.contentsOfDirectory(atPath: out).sorted()
        try #require(packages.count == 2)
        #expect(packages[0].hasPrefix("lazaret-dbgsym_\(version)_"))
        #expect(packages[1].hasPrefix("lazaret_\(version)_"))
        let size =
            try FileManager.default.attributesOfItem(
                atPath: "\(out)/\(packages[1])")[.size] as? Int
        #expect(try #require(size) <= 15_000_000)
        for package in packages {
            try Namespace.command(["dpkg-deb", "-x", "\(out)/\(package)", scratch.path("root")])
        }
        let program = scratch.path("root/usr/bin/lazaret")
        try expectStripped(program)
        // The symbols are where a debugger searches for this build.
        let notes = try Namespace.command(["readelf", "--notes", program])
        let id = try #require(notes.firstMatch(of: /Build ID: ([0-9a-f]+)/)).1
        let symbols = scratch.path(
            "root/usr/lib/debug/.build-id/\(id.prefix(2))/\(id.dropFirst(2)).debug")
        let sections = try Namespace.command(["readelf", "--wide", "--sections", symbols])
        #expect(sections.contains(".symtab"))
    }

    @Test(.needs("systemd-analyze"))
    func theUnitGrantsFewRights() throws {
        let unit = Run.root.appendingPathComponent("config/lazaret.service").path
        let said = try Namespace.command([
            "systemd-analyze", "security", "--offline=true", "--no-pager", unit,
        ])
        let last = try #require(said.split(separator: "\n").last { $0.contains("exposure level") })
        let level = last.split(separator: " ").compactMap { Double($0) }.first
        #expect(try #require(level) < 3, "\(last)")
    }
}
