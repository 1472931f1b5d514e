/// Why the kernel did not do what was asked over netlink.
package enum NetlinkError: Error, Equatable, Sendable {
    /// It refused; `code` is its errno, `words` its own text, `operation` what was asked.
    case kernel(operation: String, code: Int32, words: String)
    /// No CAP_NET_ADMIN in this network namespace.
    case notPermitted(operation: String)
    /// Its answer makes no sense.
    case malformedAnswer(String)
}
