internal import CPrivileges
internal import FoundationEssentials
internal import Glibc
internal import SystemPackage

/// Drops the privileges of root that a monitor does not need.
public enum Privileges {
    /// CAP_NET_ADMIN is 12, CAP_NET_RAW 13.
    static let kept: UInt64 = 1 << 12 | 1 << 13

    /// The user to switch to.
    private struct Account {
        var name: String
        var user: uid_t
        var group: gid_t
    }

    /// Switches to another user permanently, with CAP_NET_RAW and CAP_NET_ADMIN and no other
    /// privilege of root.
    ///
    /// Capabilities belong to threads, so this must be called before there is a second one. State
    /// directory and event file are created for the user; the files of a monitor that ran as root
    /// in them are given to the user. Any other directory or file is rejected. Inherited
    /// descriptors are closed.
    ///
    /// - Parameters:
    ///   - events: path of the event file; `-` is standard output.
    ///   - socket: path of the control socket, whose folder is created for the user; nil: none.
    /// - Throws: `IOError.output` with the failed operation and the remedy.
    public static func drop(
        to user: String, state: String, events: String, socket: String? = nil
    ) throws(IOError) {
        let account = try account(user)
        try check(lazaret_close_from(3 + socketsOfSystemd), user, "inherited descriptors")
        if geteuid() == account.user, getuid() == account.user {
            return try check(lazaret_no_new_privileges(), user, "no_new_privs")
        }
        guard geteuid() == 0 else {
            throw fail(user, "only root can become another user; start without 'user', or as root")
        }
        let threads = try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/task")
        guard threads?.count == 1 else {
            throw fail(user, "privileges cannot be given up: there are threads already")
        }
        try OwnedFiles(user: account.user, group: account.group).make(
            state: state, events: events, socket: socket)
        try check(lazaret_cut_bounding_set(kept), user, "bounding set")
        try check(lazaret_keep_capabilities(1), user, "keepcaps")
        // SAFETY: the pointer is valid for the call.
        try check(unsafe initgroups(account.name, account.group) == 0 ? 0 : errno, user, "groups")
        // For root, these set the real, the effective and the saved ID.
        try check(setgid(account.group) == 0 ? 0 : errno, user, "setgid")
        try check(setuid(account.user) == 0 ? 0 : errno, user, "setuid")
        try check(lazaret_set_capabilities(kept), user, "capset")
        try check(lazaret_keep_capabilities(0), user, "keepcaps")
        try check(lazaret_no_new_privileges(), user, "no_new_privs")
        var effective: UInt64 = 0
        // SAFETY: the number is valid for the call.
        try check(unsafe lazaret_get_capabilities(&effective), user, "capget")
        guard effective == kept, setuid(0) != 0, getuid() == account.user,
            geteuid() == account.user, getgid() == account.group
        else {
            throw fail(user, "privileges are not given up as they should be")
        }
    }

    /// The number of descriptors that systemd passes, from 3 on (sd_listen_fds(3)).
    private static var socketsOfSystemd: UInt32 {
        let environment = ProcessInfo.processInfo.environment
        guard environment["LISTEN_PID"] == "\(getpid())" else { return 0 }
        return environment["LISTEN_FDS"].flatMap { UInt32($0) }.map { min($0, 1024) } ?? 0
    }

    private static func account(_ name: String) throws(IOError) -> Account {
        errno = 0
        // SAFETY: the entry is valid until the next call of getpwnam, and there is one thread.
        guard let entry = unsafe getpwnam(name) else {
            throw fail(
                name, "there is no such user; make it: useradd --system --no-create-home \(name)")
        }
        let account = unsafe Account(
            name: name, user: entry.pointee.pw_uid, group: entry.pointee.pw_gid)
        guard account.user != 0 else { throw fail(name, "is root; name another user") }
        return account
    }

    private static func fail(_ user: String, _ reason: String) -> IOError {
        .output(path: "user \(user)", reason: reason)
    }

    private static func check(
        _ code: Int32, _ user: String, _ what: String
    ) throws(IOError) {
        guard code != 0 else { return }
        // SAFETY: the text is copied before another call could change it.
        throw fail(user, "\(what): \(unsafe String(cString: strerror(code)))")
    }
}

/// Creates the files of a monitor for the user that it switches to. The user may have put links
/// there; none is followed.
private struct OwnedFiles {
    let user: uid_t
    let group: gid_t

    func make(state: String, events: String, socket: String?) throws(IOError) {
        if let socket { try makeFolder(ofSocket: socket) }
        try makeFolder(state)
        let folder = try attempt(state) { () throws(Errno) -> OpenFile in try opened(state) }
        try demandOwn(folder, state)
        try attempt(state) { () throws(Errno) in try give(folder) }
        ownContents(of: folder, depth: 0)
        guard events != "-" else { return }
        try makeFolder(events.parentPath)
        try makeEvents(events)
    }

    private func makeEvents(_ path: String) throws(IOError) {
        let file = try attempt(path) { () throws(Errno) -> OpenFile in
            try OpenFile(path, .readWrite, [.create, .append, .noFollow, .nonBlocking])
        }
        guard let facts = try? file.status(), facts.type == .regular else { return }
        guard facts.userID.rawValue == user || holdsEvents(file) else {
            throw .output(
                path: path, reason: "holds something else than events; name another file with -o")
        }
        guard facts.linkCount == 1 else {
            throw .output(path: path, reason: "has another name; name another file with -o")
        }
        try attempt(path) { () throws(Errno) in try give(file) }
    }

    private func attempt<T: ~Copyable>(
        _ path: String, _ body: () throws(Errno) -> T
    ) throws(IOError) -> T {
        do { return try body() } catch { throw IOError(output: path, error) }
    }

    private func opened(_ path: String) throws(Errno) -> OpenFile {
        try OpenFile(path, .readOnly, [.directory, .noFollow])
    }

    private func give(_ file: borrowing OpenFile) throws(Errno) {
        try file.changeOwner(user: user, group: group)
    }

    /// Whether a file is empty or starts like JSON.
    private func holdsEvents(_ file: borrowing OpenFile) -> Bool {
        do {
            guard let first = try file.byte(at: 0) else { return true }
            return first == UInt8(ascii: "{")
        } catch {
            return false
        }
    }

    /// Checks that a directory is the monitor's: it belongs to the user, is empty, or contains a
    /// file of a monitor.
    private func demandOwn(_ folder: borrowing OpenFile, _ path: String) throws(IOError) {
        let facts: Stat
        do { facts = try folder.status() } catch { throw IOError(output: path, error) }
        guard facts.userID.rawValue != user else { return }
        let names = (try? Files.names(in: folder)) ?? []
        let marks = ["lazaret.db", "lazaret.lock", "monitor.lock"]
        guard names.isEmpty || marks.contains(where: { names.contains($0) }) else {
            throw .output(
                path: path,
                reason: "holds files of others and is not given to another user;"
                    + " name an empty directory with --state")
        }
    }

    /// Creates the folder of the control socket. One of root's that holds no more than that socket
    /// becomes the user's, who could not make a socket there.
    private func makeFolder(ofSocket socket: String) throws(IOError) {
        let path = socket.parentPath
        try makeFolder(path)
        guard let folder = try? opened(path), (try? folder.status())?.userID.rawValue == 0,
            let names = try? Files.names(in: folder),
            names.allSatisfy({ $0 == socket.lastPathComponent })
        else { return }
        try? give(folder)
    }

    /// Creates a folder for the user if it does not exist.
    private func makeFolder(_ path: String) throws(IOError) {
        guard !path.isEmpty, !Files.exists(path) else { return }
        try attempt(path.parentPath) { () throws(Errno) in
            let parent = path.parentPath
            guard !parent.isEmpty, !Files.exists(parent) else { return }
            try Files.makeFolders(parent, permissions: FilePermissions(rawValue: 0o755))
        }
        try attempt(path) { () throws(Errno) in
            try Files.makeFolder(path)
            try give(try opened(path))
        }
    }

    /// Gives the files of a monitor that ran as root to the user: only the names that a monitor
    /// uses, in the folder and in those of models and spool.
    private func ownContents(of folder: borrowing OpenFile, depth: Int) {
        for name in (try? Files.names(in: folder)) ?? [] {
            let isOurs =
                depth > 0
                ? !name.hasPrefix(".")
                : ["lazaret.", "learnt.", "monitor.", "models", "spool"].contains(
                    where: name.hasPrefix)
            guard isOurs,
                let entry = try? OpenFile(name, in: folder, .readOnly, [.noFollow, .nonBlocking]),
                let facts = try? entry.status()
            else { continue }
            if facts.type == .regular, facts.linkCount == 1 { try? give(entry) }
            if facts.type == .directory, depth == 0 {
                try? give(entry)
                ownContents(of: entry, depth: 1)
            }
        }
    }
}
