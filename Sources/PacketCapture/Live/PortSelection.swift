package import NodeInterfaces

/// Selects the views of the frames on a node so that each frame is captured once, where it came
/// from.
///
/// A frame that crosses a node passes several interfaces: it comes in at the sender's port, goes up
/// to the bridge, out of another bridge and out of the receiver's port. Only the incoming view at a
/// port is evidence of the sender. Frames that the node sends into a bridge, its own and forwarded
/// ones, are captured as the bridge sends them: once, and with the addresses that the receiver
/// gets.
public struct PortSelection: Equatable, Sendable {
    /// Bridges whose ports are watched; nil: all of them.
    public var bridges: Set<String>?
    /// Whether veths that lead to another namespace without a bridge are watched, as some networks
    /// for Kubernetes use them.
    public var routedPorts = true
    /// Further interfaces by their names: bridges at their ports, all others in both directions.
    public var interfaces: Set<String> = []
    /// Whether interfaces that belong to no bridge are watched in both directions, for the node's
    /// own traffic.
    public var others = false

    public init() {}

    /// The captured directions of an interface's frames.
    package struct View: OptionSet, Sendable {
        package let rawValue: UInt8
        package init(rawValue: UInt8) { self.rawValue = rawValue }

        /// Frames that come in.
        package static let incoming = View(rawValue: 1)
        /// Frames that go out.
        package static let outgoing = View(rawValue: 2)
        package static let both: View = [.incoming, .outgoing]
    }

    /// Returns the captured directions of an interface's frames.
    ///
    /// - Parameter uplinks: indexes of the interfaces that lead to the rest of the world.
    package func view(
        of interface: NodeInterface, in table: InterfaceTable, uplinks: Set<UInt32>
    ) -> View {
        if interface.isBridgePort, let bridge = interface.master.flatMap({ table[$0] }),
            isWatched(bridge)
        {
            // Two bridges of this node, joined: the sender's port is at the other one.
            return interface.kind == .veth && !interface.leadsElsewhere ? [] : .incoming
        }
        if interface.isBridge { return isWatched(interface) ? .outgoing : [] }
        if interfaces.contains(interface.name) { return .both }
        guard interface.master == nil else { return [] }
        // Frames of a stacked interface are captured at the one below it.
        let isOther = others && (interface.link == nil || interface.leadsElsewhere)
        if isOther { return interface.kind == .loopback ? .incoming : .both }
        let isRouted = interface.leadsElsewhere && routedPorts
        return isRouted && !uplinks.contains(interface.index) ? .both : []
    }

    /// Whether one host or container is behind an interface, as far as the kernel knows.
    package func isOneHost(_ interface: NodeInterface, uplinks: Set<UInt32>) -> Bool {
        guard interface.leadsElsewhere || interface.kind == .tun else { return false }
        // A node that is a container itself has such an interface as its uplink.
        return interface.isBridgePort
            || routedPorts && interface.leadsElsewhere && !uplinks.contains(interface.index)
                && !interfaces.contains(interface.name)
    }

    private func isWatched(_ bridge: NodeInterface) -> Bool {
        bridges?.contains(bridge.name) ?? true || interfaces.contains(bridge.name)
    }
}
