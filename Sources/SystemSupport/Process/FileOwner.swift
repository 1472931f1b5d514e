internal import CPrivileges
internal import Glibc

/// How root uses a folder that belongs to another user: as that user.
///
/// A state directory belongs to the monitor's user, who may put links into it. Where root's
/// commands use files as that user does, a link leads nowhere that the user could not go, and what
/// is made there is the user's. What root may do besides, such as changing rules, stays.
package enum FileOwner {
    /// The user that a folder belongs to, where this process is root and the folder is not root's.
    package static func other(of directory: String) -> UInt32? { foreign(directory)?.st_uid }

    /// From here on this thread uses files as the owner of `directory` does.
    ///
    /// - Throws: `.output` where that is not allowed.
    package static func become(ownerOf directory: String) throws(IOError) {
        guard let facts = foreign(directory) else { return }
        try use(facts.st_uid, facts.st_gid, directory)
    }

    /// Runs `body` as the owner of `directory`.
    package static func acting<T>(
        asOwnerOf directory: String, _ body: () throws -> T
    ) throws -> T {
        guard let facts = foreign(directory) else { return try body() }
        try use(facts.st_uid, facts.st_gid, directory)
        defer { try? use(geteuid(), getegid(), directory) }
        return try body()
    }

    private static func foreign(_ directory: String) -> stat? {
        var facts = stat()
        // SAFETY: the structure is ours, the path is lent for the call.
        guard geteuid() == 0, unsafe stat(directory, &facts) == 0, facts.st_uid != 0 else {
            return nil
        }
        return facts
    }

    private static func use(
        _ user: uid_t, _ group: gid_t, _ directory: String
    ) throws(IOError) {
        guard lazaret_use_files_as(user, group) == 0 else {
            throw .output(
                path: directory,
                reason: "belongs to user \(user), as whom it cannot be used; run as that user")
        }
    }
}
