/// A port of this node: the interface that leads to one container.
public struct QuarantinePort: Sendable, Equatable {
    /// The interface's name.
    public var name: String
    /// Distinguishes the interface from later ones with its name; nil: unknown, as in a replay.
    public var instance: String?
    /// Whether the kernel lists the offender's address behind this port. If so, the rule is on the
    /// addresses, too; otherwise this port may have been the first to use another host's address.
    public var ownsAddress: Bool

    public init(name: String, instance: String? = nil, ownsAddress: Bool = false) {
        self.name = name
        self.instance = instance
        self.ownsAddress = ownsAddress
    }
}
