internal import CPrivileges
internal import Glibc
internal import SystemPackage

/// Lets root use a folder that belongs to another user with that user's rights.
///
/// A state directory belongs to the monitor's user, who may put links into it. If root's commands
/// use files with that user's rights, a link cannot lead to a file that the user cannot access, and
/// new files belong to the user. Root's other rights, such as changing rules, stay.
package enum FileOwner {
    /// The owner of a folder, if this process is root and the folder is not root's.
    package static func other(of directory: String) -> UInt32? {
        foreign(directory)?.userID.rawValue
    }

    /// Uses files with the rights of the owner of `directory` from now on, on this thread.
    ///
    /// - Throws: `.output` if that is not allowed.
    package static func become(ownerOf directory: String) throws(IOError) {
        guard let facts = foreign(directory) else { return }
        try use(facts.userID.rawValue, facts.groupID.rawValue, directory)
    }

    /// Runs `body` with the rights of the owner of `directory`.
    package static func acting<T>(
        asOwnerOf directory: String, _ body: () throws -> T
    ) throws -> T {
        guard let facts = foreign(directory) else { return try body() }
        try use(facts.userID.rawValue, facts.groupID.rawValue, directory)
        defer { try? use(geteuid(), getegid(), directory) }
        return try body()
    }

    private static func foreign(_ directory: String) -> Stat? {
        guard geteuid() == 0, let facts = try? Files.status(directory), facts.userID.rawValue != 0
        else { return nil }
        return facts
    }

    private static func use(
        _ user: uid_t, _ group: gid_t, _ directory: String
    ) throws(IOError) {
        guard lazaret_use_files_as(user, group) == 0 else {
            throw .output(
                path: directory,
                reason: "belongs to user \(user), who alone can use it; run as that user")
        }
    }
}
