/// Lists the interfaces of a network namespace on request.
public struct InterfaceList: ~Copyable, Sendable {
    private var requests: RouteSocket

    /// Creates a list of the calling thread's network namespace; any thread may use it.
    public init() throws(InterfaceError) { requests = try RouteSocket() }

    /// The interfaces that exist now.
    public mutating func interfaces() throws(InterfaceError) -> [NodeInterface] {
        try requests.links(in: nil)
    }
}
