import Foundation
import Synchronization
import TestKit

/// A small API server: three kinds, each with a list, a version and watchers.
final class ScriptedCluster: Sendable {
    struct State {
        var objects: [String: [String: String]] = ["pods": [:], "services": [:], "nodes": [:]]
        var version = 100
        var streams: [String: [ScriptedServer.Stream]] = [:]
        var requests: [String] = []
        var oldest = 0
        /// Kinds that may be listed but not watched.
        var unwatched: Set<String> = []
        /// Empty pages before each list's first object; nil: without end.
        var emptyPages: Int? = 0
    }

    let state = Mutex(State())
    private let held = Mutex<ScriptedServer?>(nil)
    var port: UInt16 { held.withLock { $0?.port ?? 0 } }

    init() throws {
        let server = try ScriptedServer { [weak self] in self?.answer($0) ?? .whole(500, "") }
        held.withLock { $0 = server }
    }

    private func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        guard request.head.contains("Authorization: Bearer secret") else {
            return .whole(401, #"{"kind":"Status","status":"Failure","code":401}"#)
        }
        let target = request.target
        guard
            let kind = ["pods", "services", "nodes"].first(where: {
                target.hasPrefix("/api/v1/\($0)")
            })
        else { return .whole(404, "{}") }
        return state.withLock { state in
            state.requests.append(target)
            let items = (state.objects[kind] ?? [:]).sorted { $0.key < $1.key }.map(\.value)
            guard target.contains("watch=1") else {
                let empty =
                    target.range(of: "continue=e").flatMap { Int(target[$0.upperBound...]) } ?? 0
                let isBefore = !target.contains("continue=") || target.contains("continue=e")
                if isBefore, empty < state.emptyPages ?? .max {
                    return .whole(
                        200, #"{"metadata":{"continue":"e\#(empty + 1)"},"items":[]}"#)
                }
                // Two objects per page.
                let from =
                    target.range(of: "continue=").flatMap { Int(target[$0.upperBound...]) } ?? 0
                let page = items.dropFirst(from).prefix(2)
                let next = from + 2 < items.count ? #","continue":"\#(from + 2)""# : ""
                return .whole(
                    200,
                    #"""
                    {"kind":"List","metadata":{"resourceVersion":"\#(state.version)"\#(next)},\#
                    "items":[\#(page.joined(separator: ","))]}
                    """#
                )
            }
            if state.unwatched.contains(kind) {
                return .whole(403, #"{"kind":"Status","message":"cannot watch"}"#)
            }
            let from =
                target.range(of: "resourceVersion=").flatMap { Int(target[$0.upperBound...]) } ?? 0
            if from < state.oldest {
                return .stream { stream in
                    stream.write(
                        #"""
                        {"type":"ERROR","object":{"kind":"Status","status":"Failure",\#
                        "reason":"Expired","code":410}}
                        """#
                    )
                    stream.close()
                }
            }
            return .stream { [weak self] stream in
                self?.state.withLock { $0.streams[kind, default: []].append(stream) }
            }
        }
    }

    func watchers(_ kind: String) -> Int { state.withLock { $0.streams[kind]?.count ?? 0 } }

    func put(
        _ kind: String, _ uid: String, _ metadata: String, _ rest: String, type: String = "ADDED"
    ) {
        let (object, streams) = state.withLock { state in
            state.version += 1
            let object =
                #"""
                {"metadata":{"uid":"\#(uid)","resourceVersion":"\#(state.version)",\#(metadata)},\#
                \#(rest)}
                """#
            state.objects[kind]?[uid] = type == "DELETED" ? nil : object
            return (object, state.streams[kind] ?? [])
        }
        for stream in streams { stream.write(#"{"type":"\#(type)","object":\#(object)}"#) }
    }

    /// Ends every watch; if `forgets`, versions up to now expire.
    func hangUp(forgets: Bool) {
        let streams = state.withLock { state in
            defer { state.streams = [:] }
            if forgets { state.oldest = state.version + 1 }
            state.version += 2
            return state.streams.values.joined()
        }
        for stream in streams { stream.close() }
    }
}
