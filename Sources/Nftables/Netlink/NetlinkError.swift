/// The reason why a netlink request failed.
package enum NetlinkError: Error, Equatable, Sendable {
    /// The kernel refused `operation`; `code` is its errno, `words` its own message.
    case kernel(operation: String, code: Int32, words: String)
    /// No CAP_NET_ADMIN in this network namespace.
    case notPermitted(operation: String)
    /// The kernel's reply is invalid.
    case malformedAnswer(String)
}
