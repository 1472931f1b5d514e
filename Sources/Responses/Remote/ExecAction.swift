internal import FoundationEssentials
internal import Glibc
internal import SystemPackage
internal import SystemSupport
internal import TextFormats
internal import Timestamps

/// A call of a program, as the ledger keeps it.
struct ExecPlan: LedgerPlan, Equatable {
    var program: String
    var arguments: [String]
    var user: String?
    var seconds: Int64
    var verifies: Bool
    /// The facts of the fence, by the names of variables.
    var values: [String: String]

    init(_ entry: ResponseEntry, _ values: [String: String]) {
        program = entry.program ?? ""
        arguments = entry.arguments
        user = entry.user
        seconds = Int64((entry.timeout ?? .seconds(10)).wholeSeconds)
        verifies = entry.verifies ?? false
        self.values = values
    }

    /// Why the program cannot be run; nil if it can.
    static func fault(program: String) -> String? {
        guard program.hasPrefix("/") else { return "'program' must be an absolute path" }
        guard let facts = try? Files.status(program), facts.isPlainFile else {
            return "\(program): no such program"
        }
        guard facts.permissions.isDisjoint(with: FilePermissions(rawValue: 0o022)) else {
            return "\(program): other users can write it; chmod go-w \(program)"
        }
        guard (try? Files.checkAccess(program, X_OK)) != nil else {
            return "\(program): is not executable"
        }
        return nil
    }
}

/// Runs a program, with what it needs to know as JSON on standard input.
struct ExecAction: ResponseAction {
    let isRenewed = true

    /// The exit status of `verify` for what is not in effect.
    private static let absent: Int32 = 3

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        try rails.check(record)
        return record.undo
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        _ = try run("apply", ExecPlan(record), accepting: [0])
        return nil
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        let plan = try ExecPlan(record)
        guard plan.verifies else { return .whole }
        return try run("verify", plan, accepting: [0, Self.absent]) == 0 ? .whole : .none
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try ExecPlan(record)
        _ = try run("undo", plan, accepting: [0])
        if plan.verifies, try run("verify", plan, accepting: [0, Self.absent]) == 0 {
            throw .failed("\(plan.program): it was undone and is still in effect")
        }
        return nil
    }

    /// - Returns: the exit status.
    private func run(
        _ step: String, _ plan: ExecPlan, accepting accepted: Set<Int32>
    ) throws(ResponseError) -> Int32 {
        if let fault = ExecPlan.fault(program: plan.program) { throw .failed(fault) }
        var object = JSONObject()
        object.put("step", step)
        for (name, value) in plan.values.sorted(by: { $0.key < $1.key }) { object.put(name, value) }
        let words = try Self.prefix(user: plan.user) + [plan.program] + plan.arguments
        let end: ChildProcess.End
        let output: [UInt8]
        do throws(Errno) {
            (end, output) = try ChildProcess.run(
                words, input: Array((object.text + "\n").utf8), timeLimit: .seconds(plan.seconds),
                outputLimit: 4096)
        } catch { throw .failed("\(plan.program): \(error)") }
        let said = EngineConnection.clean(String(decoding: output, as: UTF8.self))
        let tail = said.isEmpty ? "" : ": \(said)"
        switch end {
        case .exit(let status) where accepted.contains(status): return status
        case .exit(let status): throw .failed("\(plan.program) \(step): status \(status)\(tail)")
        case .signal(let number): throw .failed("\(plan.program) \(step): signal \(number)\(tail)")
        case .timeLimit:
            throw .failed("\(plan.program) \(step): took longer than \(plan.seconds) s")
        }
    }

    private static let setpriv = "/usr/bin/setpriv"

    /// The words before the program that take rights away.
    private static func prefix(user: String?) throws(ResponseError) -> [String] {
        guard let user else {
            guard geteuid() != 0, Files.exists(setpriv) else { return [] }
            return [setpriv, "--inh-caps=-all", "--ambient-caps=-all", "--no-new-privs", "--"]
        }
        guard Files.exists(setpriv) else { throw .failed("\(setpriv) is missing (util-linux)") }
        guard let (number, group) = Self.numbers(ofUser: user) else {
            throw .failed("no user '\(user)'")
        }
        return [
            setpriv, "--reuid=\(number)", "--regid=\(group)", "--clear-groups", "--inh-caps=-all",
            "--no-new-privs", "--",
        ]
    }

    /// The numbers of a user and its group; nil: the user does not exist.
    static func numbers(ofUser name: String) -> (user: UInt32, group: UInt32)? {
        var entry = unsafe passwd()
        var found: UnsafeMutablePointer<passwd>?
        var buffer = [CChar](repeating: 0, count: 16 << 10)
        // SAFETY: all of them are local variables; the entry points into the buffer.
        let code = unsafe getpwnam_r(name, &entry, &buffer, buffer.count, &found)
        guard code == 0, unsafe found != nil else { return nil }
        return unsafe (entry.pw_uid, entry.pw_gid)
    }
}
