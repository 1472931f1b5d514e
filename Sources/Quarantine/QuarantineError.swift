/// The reason why a request to the quarantine failed.
public enum QuarantineError: Error, Equatable, Sendable {
    /// The kernel refused `operation`; `code` is its errno, `words` its own message.
    case kernel(operation: String, code: Int32, words: String)
    /// No CAP_NET_ADMIN in this network namespace.
    case notPermitted(operation: String)
    /// A safety limit forbids it.
    case protected(QuarantineTarget, why: String)
    /// The target can never be fenced, even with force.
    case neverFenced(QuarantineTarget, why: String)
    /// Only addresses and prefixes can be protected.
    case needsAddress(QuarantineTarget)
    /// The kernel's answer is malformed.
    case malformedAnswer(String)
    /// The target is fenced, but its entries in connection tracking could not be deleted.
    case connectionsKept(why: String)
    /// The ledger could not be read or written.
    case ledger(String)
    /// There is no active fence on the target.
    case noSuchFence(QuarantineTarget)
    /// The target has no fence of its own, but is part of a wider one.
    case partOf(QuarantineTarget, wider: QuarantineTarget)
    /// The interface does not exist, or leads to another container by now.
    case noSuchPort(String)
}

extension QuarantineError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .kernel(let operation, let code, let words):
            "\(operation): \(words) (errno \(code))"
        case .notPermitted(let operation):
            "\(operation): not permitted; run as root or give the program CAP_NET_ADMIN"
        case .protected(let target, let why):
            "\(target) is not fenced: \(why); --force overrides this"
        case .neverFenced(let target, let why):
            "\(target) is never fenced: \(why); nothing overrides this"
        case .needsAddress(let target):
            "\(target): only an address or a prefix can be protected"
        case .malformedAnswer(let what): "an answer of the kernel makes no sense: \(what)"
        case .connectionsKept(let why):
            "entries of connection tracking were not deleted: \(why)"
        case .ledger(let what): "ledger: \(what)"
        case .noSuchFence(let target): "no fence is active for \(target)"
        case .noSuchPort(let name):
            "no interface \(name) leads to what is to be fenced; see 'ip link' for names"
        case .partOf(let target, let wider):
            "\(target) has no fence of its own, it lies in the one around \(wider); release that"
        }
    }
}
