/// A port of this node: the interface that leads to one container.
public struct QuarantinePort: Sendable, Equatable {
    /// What the interface is called.
    public var name: String
    /// Tells the interface from a later one with the same name; nil: not known, as in a replay.
    public var instance: String?
    /// Whether the kernel lists the offender's address behind this port. Then the rule is on the
    /// addresses, too; else somebody else's address may have been used first by this port.
    public var ownsAddress: Bool

    public init(name: String, instance: String? = nil, ownsAddress: Bool = false) {
        self.name = name
        self.instance = instance
        self.ownsAddress = ownsAddress
    }
}
