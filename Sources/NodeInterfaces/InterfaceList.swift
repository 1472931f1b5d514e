/// Lists the interfaces of a network namespace on request.
public struct InterfaceList: ~Copyable, Sendable {
    private var requests: RouteSocket

    /// Queries the network namespace of the thread that creates it, from any thread.
    public init() throws(InterfaceError) { requests = try RouteSocket() }

    /// The interfaces that exist now.
    public mutating func interfaces() throws(InterfaceError) -> [NodeInterface] {
        try requests.links(in: nil)
    }
}
