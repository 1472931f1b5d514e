internal import CPrivileges
internal import FoundationEssentials
internal import Glibc

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
        if let socket { try makeFolder(socket.parentPath) }
        try makeFolder(state)
        let folder = try open(state, O_DIRECTORY)
        defer { close(folder) }
        try demandOwn(folder, state)
        guard fchown(folder, user, group) == 0 else { throw fail(state) }
        ownContents(of: folder, depth: 0)
        guard events != "-" else { return }
        try makeFolder(events.parentPath)
        // SAFETY: the pointer is valid for the call.
        let made = unsafe Glibc.open(
            events, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0o600)
        guard made >= 0 else { throw fail(events) }
        defer { close(made) }
        var facts = stat()
        // SAFETY: the structure is valid for the call.
        guard unsafe fstat(made, &facts) == 0, facts.st_mode & S_IFMT == S_IFREG else { return }
        guard facts.st_uid == user || holdsEvents(made) else {
            throw .output(
                path: events, reason: "holds something else than events; name another file with -o")
        }
        guard facts.st_nlink == 1, fchown(made, user, group) == 0 else { throw fail(events) }
    }

    /// Whether a file is empty or starts like JSON.
    private func holdsEvents(_ file: Int32) -> Bool {
        var first: UInt8 = 0
        // SAFETY: the byte is valid for the call.
        let count = unsafe pread(file, &first, 1, 0)
        return count == 0 || count == 1 && first == UInt8(ascii: "{")
    }

    /// Checks that a directory is the monitor's: it belongs to the user, is empty, or contains a
    /// file of a monitor.
    private func demandOwn(_ folder: Int32, _ path: String) throws(IOError) {
        var facts = stat()
        // SAFETY: the structure is valid for the call.
        guard unsafe fstat(folder, &facts) == 0 else { throw fail(path) }
        guard facts.st_uid != user else { return }
        let names = names(in: folder)
        let marks = ["lazaret.db", "lazaret.lock", "monitor.lock"]
        guard names.isEmpty || marks.contains(where: { names.contains($0) }) else {
            throw .output(
                path: path,
                reason: "holds files of others and is not given to another user;"
                    + " name an empty directory with --state")
        }
    }

    /// Creates a folder for the user if it does not exist.
    private func makeFolder(_ path: String) throws(IOError) {
        // SAFETY: the path is valid for the calls.
        guard !path.isEmpty, unsafe access(path, F_OK) != 0 else { return }
        try makeParent(of: path)
        guard unsafe mkdir(path, 0o700) == 0 else { throw fail(path) }
        let made = try open(path, O_DIRECTORY)
        defer { close(made) }
        guard fchown(made, user, group) == 0 else { throw fail(path) }
    }

    private func makeParent(of path: String) throws(IOError) {
        let parent = path.parentPath
        guard !parent.isEmpty, !FileManager.default.fileExists(atPath: parent) else { return }
        do { try makeFolders(parent, mode: 0o755) } catch {
            throw .output(path: parent, reason: "\(error)")
        }
    }

    private func open(_ path: String, _ flags: Int32) throws(IOError) -> Int32 {
        // SAFETY: the pointer is valid for the call.
        let made = unsafe Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | flags)
        guard made >= 0 else { throw fail(path) }
        return made
    }

    /// The names in a folder, without `.` and `..`.
    private func names(in folder: Int32) -> [String] {
        // SAFETY: the stream owns a copy of the descriptor, and is closed once.
        guard let stream = unsafe fdopendir(dup(folder)) else { return [] }
        defer { unsafe _ = closedir(stream) }
        // The copy shares the position of the descriptor.
        unsafe rewinddir(stream)
        var names: [String] = []
        while let item = unsafe readdir(stream) {
            // SAFETY: the name ends with a zero byte and is valid until the next call.
            let name = unsafe withUnsafeBytes(of: &item.pointee.d_name) { bytes in
                unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
            }
            if name != ".", name != ".." { names.append(name) }
        }
        return names
    }

    /// Gives the files of a monitor that ran as root to the user: only the names that a monitor
    /// uses, in the folder and in those of models and spool.
    private func ownContents(of folder: Int32, depth: Int) {
        for name in names(in: folder) {
            let isOurs =
                depth > 0
                ? !name.hasPrefix(".")
                : ["lazaret.", "learnt.", "monitor.", "models", "spool"].contains(
                    where: name.hasPrefix)
            guard isOurs else { continue }
            // SAFETY: the name and the structure are valid for the calls.
            let entry = unsafe openat(
                folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)
            guard entry >= 0 else { continue }
            defer { close(entry) }
            var facts = stat()
            guard unsafe fstat(entry, &facts) == 0 else { continue }
            let kind = facts.st_mode & S_IFMT
            if kind == S_IFREG, facts.st_nlink == 1 { fchown(entry, user, group) }
            if kind == S_IFDIR, depth == 0 {
                fchown(entry, user, group)
                ownContents(of: entry, depth: 1)
            }
        }
    }

    private func fail(_ path: String) -> IOError {
        // SAFETY: the text is copied before another call could change it.
        .output(path: path, reason: unsafe String(cString: strerror(errno)))
    }
}
