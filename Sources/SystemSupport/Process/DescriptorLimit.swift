import Glibc

/// The number of files and sockets that this process may have open (RLIMIT_NOFILE, getrlimit(2)).
package enum DescriptorLimit {
    /// Raises the limit as far as an unprivileged process may.
    ///
    /// - Returns: the new limit.
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

    /// The current limit.
    package static var current: Int { Int(clamping: read().rlim_cur) }

    private static func read() -> rlimit {
        var limit = rlimit()
        // SAFETY: the structure is ours.
        unsafe _ = getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit)
        return limit
    }
}
