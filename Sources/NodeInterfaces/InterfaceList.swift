/// Lists the interfaces of a network namespace whenever it is asked to.
public struct InterfaceList: ~Copyable, Sendable {
    private var requests: RouteSocket

    /// Asks in the network namespace of the calling thread, from whatever thread.
    public init() throws(InterfaceError) { requests = try RouteSocket() }

    /// The interfaces that are there now.
    public mutating func interfaces() throws(InterfaceError) -> [NodeInterface] {
        try requests.links(in: nil)
    }
}
