import RuntimeEvents
import TextFormats

/// A line of Tetragon's export: one event, its time and its node. Values that are zero are left
/// out, and integers of 64 bits are texts.
struct TetragonLine: Decodable {
    struct Body: Decodable {
        var process: Process?
        var parent: Process?
        var function_name: String?
        var path: String?
        var symbol: String?
        var subsys: String?
        var event: String?
        var policy_name: String?
        var message: String?
        var action: String?
        var args: [Argument]?
    }

    struct Process: Decodable {
        var pid: JSONScalar?
        var binary: String?
        var arguments: String?
        var flags: String?
        var docker: String?
        var pod: Pod?
    }

    struct Pod: Decodable {
        struct Container: Decodable {
            var id: String?
            var name: String?
        }

        var namespace: String?
        var name: String?
        var uid: String?
        var container: Container?
    }

    struct Argument: Decodable {
        struct Ends: Decodable {
            var daddr: String?
            var dport: JSONScalar?
            var addr: String?
            var port: JSONScalar?
        }
        struct File: Decodable { var path: String? }

        var sock_arg: Ends?
        var skb_arg: Ends?
        var sockaddr_arg: Ends?
        var file_arg: File?
        var path_arg: File?

        var text: String? {
            if let path = (file_arg ?? path_arg)?.path, !path.isEmpty { return "file \(path)" }
            guard let ends = sock_arg ?? skb_arg ?? sockaddr_arg,
                let address = ends.daddr ?? ends.addr, !address.isEmpty
            else { return nil }
            let port = (ends.dport ?? ends.port)?.text.map { " \($0)" } ?? ""
            return "connection to \(address)\(port)"
        }
    }

    var time: String?
    var process_exec: Body?
    var process_kprobe: Body?
    var process_tracepoint: Body?
    var process_uprobe: Body?
    var process_lsm: Body?
    var process_usdt: Body?

    /// Whether it has an event of a kind that is used.
    var isUsed: Bool { body != nil }

    private var body: (kind: String, body: Body)? {
        let all: [(String, Body?)] = [
            ("exec", process_exec), ("kprobe", process_kprobe), ("lsm", process_lsm),
            ("tracepoint", process_tracepoint), ("uprobe", process_uprobe), ("usdt", process_usdt),
        ]
        return all.lazy.compactMap { kind, body in body.map { (kind, $0) } }.first
    }

    /// Nil without a time or a process.
    func event(_ rules: RuntimeEventRules) -> ReportedEvent? {
        guard let time = time.flatMap(UTC.time), let (kind, body) = body,
            let process = body.process
        else { return nil }
        let place =
            body.function_name ?? body.symbol ?? body.path
            ?? [body.subsys, body.event].compactMap(\.self).joined(separator: ":")
        let rule = [body.policy_name ?? "", kind == "exec" ? "exec" : place]
            .filter { !$0.isEmpty }.joined(separator: ": ")
        var places: [ReportedEvent.Place] = []
        // "containerd://4f66…"
        let id = process.pod?.container?.id.map { $0.split(separator: "/").last.map(String.init) }
        if let id = id.flatMap(\.self) ?? process.docker, !id.isEmpty {
            places.append(.container(id))
        }
        if let uid = process.pod?.uid, !uid.isEmpty { places.append(.podUID(uid)) }
        if let space = process.pod?.namespace, let name = process.pod?.name {
            places.append(.pod(namespace: space, name: name))
        }
        var reported = ReportedEvent(
            RuntimeEvent(
                time: time, tool: .tetragon, rule: rule.isEmpty ? kind : rule,
                priority: priority(kind, body, process, rules),
                container: process.pod?.name ?? process.docker.map { String($0.prefix(12)) },
                process: process.binary, detail: detail(body, process, rules)),
            places: places)
        reported.isOfHost = places.isEmpty
        return reported
    }

    private func priority(
        _ kind: String, _ body: Body, _ process: Process, _ rules: RuntimeEventRules
    ) -> RuntimeEvent.Priority {
        if kind == "exec" {
            // What ran before Tetragon is listed as if it had begun.
            return process.flags?.contains("procFS") == true ? .debug : .informational
        }
        let hasActed = ["SIGKILL", "OVERRIDE", "SIGNAL", "NOTIFYENFORCER"].contains {
            body.action == "KPROBE_ACTION_\($0)"
        }
        return hasActed && !rules.priority.isAtLeast(.warning) ? .warning : rules.priority
    }

    private func detail(
        _ body: Body, _ process: Process, _ rules: RuntimeEventRules
    ) -> String {
        var parts: [String] = []
        if let message = body.message, !message.isEmpty { parts.append(message) }
        if let parent = body.parent?.binary, !parent.isEmpty { parts.append("parent \(parent)") }
        parts += (body.args ?? []).prefix(8).compactMap(\.text)
        if rules.keepsArguments, let arguments = process.arguments, !arguments.isEmpty {
            parts.append("arguments \(arguments)")
        }
        return parts.joined(separator: ", ")
    }
}
