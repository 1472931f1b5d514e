internal import Glibc
public import NetworkAddresses

/// Finds the interfaces of this namespace that lead to a container, from the kernel alone.
///
/// A container engine names the container's first process. The kernel returns the network namespace
/// of that process, and, for each veth, the namespace of its other end. Neither can be changed from
/// inside the container.
public final class ContainerPorts {
    private var requests: RouteSocket
    /// Represents this namespace, which may have a number of its own.
    private let own: Int32

    /// Uses the network namespace of the calling thread.
    public init() throws(InterfaceError) {
        requests = try RouteSocket()
        own = unsafe open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC)
        guard own >= 0 else { throw RouteSocket.failure("open this network namespace", errno) }
    }

    deinit { close(own) }

    /// The number of a process's network namespace, as in `NodeInterface.Link.namespace`.
    ///
    /// - Parameter process: a number in this program's own PID namespace.
    /// - Returns: nil where this namespace has no link into it, or the process shares this
    ///   namespace.
    /// - Throws: `.kernel` with ESRCH when there is no such process.
    public func namespace(of process: Int32) throws(InterfaceError) -> Int32? {
        let operation = "find the network namespace of process \(process)"
        // NETNSA_PID and NETNSA_FD.
        guard let number = try number(2, process, for: operation) else { return nil }
        return try self.number(3, own, for: operation) == number ? nil : number
    }

    private func number(
        _ attribute: UInt16, _ value: Int32, for operation: String
    ) throws(InterfaceError) -> Int32? {
        // struct rtgenmsg, padded.
        let request =
            [UInt8](repeating: 0, count: 4) + RouteMessage.attribute(attribute, value.nativeBytes)
        var number: Int32?
        _ = try requests.ask(
            RouteMessage.Kind.getNamespace, flags: 0, body: request, for: operation
        ) {
            $0.body.dropFirst(4).forEachAttribute { type, value in
                // NETNSA_NSID; -1: the namespace has no number.
                if type == 1 { number = Int32(bitPattern: value.native32(0)) }
            }
        }
        return number.flatMap { $0 >= 0 ? $0 : nil }
    }

    /// The names and addresses of the interfaces in a namespace, by their index there.
    ///
    /// Requires CAP_NET_ADMIN in that namespace.
    public func interfaces(
        in namespace: Int32
    ) throws(InterfaceError) -> [(interface: NodeInterface, addresses: [IPAddress])] {
        let links = try requests.links(in: namespace)
        // struct ifaddrmsg, and IFA_TARGET_NETNSID.
        let request =
            [UInt8](repeating: 0, count: 8) + RouteMessage.attribute(10, namespace.nativeBytes)
        var addresses: [UInt32: [IPAddress]] = [:]
        for message in try requests.list(
            RouteMessage.Kind.getAddress, body: request, for: "list addresses")
        {
            if let (index, address) = message.interfaceAddress {
                addresses[index, default: []].append(address)
            }
        }
        return links.map { ($0, addresses[$0.index] ?? []) }
    }
}

extension RouteMessage {
    /// The interface's index and its address, of a message of RTM_NEWADDR or RTM_DELADDR.
    var interfaceAddress: (index: UInt32, address: IPAddress)? {
        guard body.count >= 8 else { return nil }
        var peer: IPAddress?
        var local: IPAddress?
        body.dropFirst(8).forEachAttribute { type, value in
            // IFA_ADDRESS is the other end of a point-to-point link, IFA_LOCAL its own.
            if type == 1 { peer = IPAddress(bytes: value) }
            if type == 2 { local = IPAddress(bytes: value) }
        }
        return (local ?? peer).map { (body.native32(4), $0) }
    }
}

extension InterfaceTable {
    /// The interfaces whose other end is in a namespace.
    public func interfaces(leadingTo namespace: Int32) -> [NodeInterface] {
        interfaces.filter { $0.kind == .veth && $0.link?.namespace == namespace }
    }
}
