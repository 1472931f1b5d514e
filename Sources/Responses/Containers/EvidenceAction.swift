internal import FoundationEssentials
internal import HTTPClient
internal import SystemPackage
internal import SystemSupport
internal import TextFormats
internal import Timestamps

/// What was kept of a container, as the ledger keeps it.
struct EvidenceUndo: LedgerPlan {
    /// The container's run.
    var startedAt: String
    /// The folder with the engine's description and the list of processes.
    var folder: String
    /// The image's tag; nil: its files are not kept.
    var tag: String?
    var seconds: Int64
    /// The most folders and images that are kept.
    var kept: Int
}

/// Keeps what an engine knows about a container and its processes, and its files as an image.
///
/// The description and the list of processes are quick, and are written before anything else is
/// done to the container. The image may take long, and nothing waits for it.
struct EvidenceAction: ResponseAction {
    /// The folder of all evidence.
    let folder: String
    let commits: Bool
    let seconds: Int64
    let kept: Int
    let isRenewed = false

    static let repository = "lazaret-evidence"

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        let engine = EngineConnection.to(record.engine)
        let container = try await InspectedContainer(record.object, of: record.engine)
        try container.check(record, rails)
        let tag = Self.tag(record)
        let place = "\(folder)/\(tag)"
        let undo = EvidenceUndo(
            startedAt: container.startedAt, folder: place, tag: commits ? tag : nil,
            seconds: seconds, kept: kept)
        let described = try await engine.send(
            "GET", "/containers/\(record.object)/json", seconds: 3)
        var files = [("inspect.json", described)]
        // A container whose processes cannot be listed is described nevertheless.
        let processes = await Self.processes(of: record.object, engine)
        if !processes.isEmpty { files.append(("top.json", processes)) }
        do throws(Errno) {
            try Files.makeFolders(folder, permissions: FilePermissions(rawValue: 0o700))
            try Files.makeFolder(place)
            for (name, bytes) in files {
                let file = try OpenFile(
                    "\(place)/\(name)", .writeOnly, [.create, .truncate, .noFollow])
                try file.write(bytes)
                try file.sync()
            }
        } catch { throw .failed("\(place): \(error)") }
        prune()
        return undo.text
    }

    /// The list of processes; empty if there is none. For Docker's clients, Podman runs the
    /// container's own `ps`, which may be missing; its own interface does not need it.
    private static func processes(of id: String, _ engine: APIConnection) async -> [UInt8] {
        for path in ["/containers/\(id)/top?ps_args=-ef", "/v4.0.0/libpod/containers/\(id)/top"] {
            if let answer = try? await engine.send("GET", path, seconds: 3), !answer.isEmpty {
                return answer
            }
        }
        return []
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let undo = try EvidenceUndo(record)
        guard let tag = undo.tag, try await !hasImage(record, tag) else { return nil }
        let engine = EngineConnection.to(record.engine)
        try await engine.send(
            "POST",
            "/commit?container=\(record.object)&repo=\(Self.repository)&tag=\(tag)&pause=false"
                + "&comment=lazaret", body: "{}", seconds: undo.seconds)
        await pruneImages(engine, keeping: undo.kept)
        return nil
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        let undo = try EvidenceUndo(record)
        // What was kept may be moved away by whoever examines it.
        guard record.state != .verified, let tag = undo.tag else { return .whole }
        return try await hasImage(record, tag) ? .whole : .none
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let undo = try EvidenceUndo(record)
        let image = undo.tag.map { ", image \(Self.repository):\($0)" } ?? ""
        return "kept: \(undo.folder)\(image)"
    }

    private func hasImage(
        _ record: ResponseRecord, _ tag: String
    ) async throws(ResponseError) -> Bool {
        do throws(ResponseError) {
            _ = try await EngineConnection.to(record.engine).send(
                "GET", "/images/\(Self.repository):\(tag)/json")
            return true
        } catch .gone { return false } catch { throw error }
    }

    /// Names that sort by time: the time, the container's identifier and the rule's.
    private static func tag(_ record: ResponseRecord) -> String {
        let second = Int64(record.created.second)
        let time = (UTC.date(second) + "T" + UTC.clock(second)).filter { $0 != "-" && $0 != ":" }
        let rule = record.ruleID.filter { $0.isASCII && ($0.isLetter || $0.isNumber) }
        return "\(time)-\(record.object.prefix(12))-\(rule.prefix(40))"
    }

    /// Removes the oldest folders.
    private func prune() {
        guard let all = try? OpenFile(folder, .readOnly, .directory),
            let names = try? Files.names(in: all)
        else { return }
        for name in names.filter({ $0.first?.isNumber == true }).sorted().dropLast(kept) {
            for file in ["inspect.json", "top.json"] {
                try? Files.remove("\(folder)/\(name)/\(file)")
            }
            try? Files.removeFolder("\(folder)/\(name)")
        }
    }

    private struct Image: Decodable {
        var RepoTags: [String]?
    }

    /// Removes the oldest images.
    private func pruneImages(_ engine: APIConnection, keeping kept: Int) async {
        let filter = "%7B%22reference%22%3A%5B%22\(Self.repository)%22%5D%7D"
        guard
            let images = try? await engine.get([Image].self, "/images/json?filters=\(filter)")
        else { return }
        // Podman adds a registry to the name.
        let names = ["", "localhost/", "docker.io/library/"].map { $0 + Self.repository + ":" }
        let tags = Set(images.flatMap { $0.RepoTags ?? [] }).filter { tag in
            names.contains { tag.hasPrefix($0) }
        }
        func time(_ tag: String) -> Substring {
            tag[(tag.lastIndex(of: ":") ?? tag.startIndex)...]
        }
        for tag in tags.sorted(by: { time($0) < time($1) }).dropLast(kept) {
            _ = try? await engine.send("DELETE", "/images/\(tag)")
        }
    }
}
