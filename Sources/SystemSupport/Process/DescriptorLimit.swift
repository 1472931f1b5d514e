import Glibc

/// How many files and sockets this process may have open (RLIMIT_NOFILE, getrlimit(2)).
package enum DescriptorLimit {
    /// Raises the limit as far as any process may.
    ///
    /// - Returns: the limit from now on.
    @discardableResult
    package static func raise() -> Int {
        var limit = read()
        if limit.rlim_cur < limit.rlim_max {
            limit.rlim_cur = limit.rlim_max
            // SAFETY: the structure is ours.
            unsafe _ = setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        }
        return current
    }

    /// The limit now.
    package static var current: Int { Int(clamping: read().rlim_cur) }

    private static func read() -> rlimit {
        var limit = rlimit()
        // SAFETY: the structure is ours.
        unsafe _ = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return limit
    }
}
