internal import Glibc
public import NetworkAddresses
internal import Timestamps

/// Follows the interfaces of a network namespace: reads the list once, and then the changes.
///
/// The kernel reports a change before the first frame that it concerns. A caller that calls
/// `refresh` after it received frames from the kernel, and before it processes them, knows every
/// interface that they came by.
public final class InterfaceMonitor {
    private var events: RouteSocket
    private var requests: RouteSocket
    public private(set) var table = InterfaceTable()
    /// The number of times that changes were missed, and the whole list was read again.
    public private(set) var overruns: UInt64 = 0

    /// RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV6_IFADDR, RTMGRP_IPV4_ROUTE and
    /// RTMGRP_IPV6_ROUTE.
    private static let groups: UInt32 = 1 | 0x10 | 0x100 | 0x40 | 0x400
    /// Increases with every change of a default route.
    private var routeVersion: UInt64 = 0
    /// The addresses of this namespace's interfaces, by the interface's index.
    private var addressesByIndex: [UInt32: Set<IPAddress>] = [:]
    /// The addresses of this namespace's interfaces.
    public private(set) var addresses: Set<IPAddress> = []

    /// Reads the list of the calling thread's network namespace.
    public init() throws(InterfaceError) {
        // Subscribed first, then listed: no change falls between the two.
        events = try RouteSocket(groups: Self.groups)
        requests = try RouteSocket()
        table.replace(with: try list(), at: Clock.now())
        try listAddresses()
    }

    /// The addresses of the interface with an index.
    public func addresses(of index: UInt32) -> Set<IPAddress> { addressesByIndex[index] ?? [] }

    /// Becomes readable when something has changed.
    public var descriptor: Int32 { events.descriptor }

    /// Applies the changes; never waits.
    ///
    /// - Returns: whether an interface, an address or a default route has changed.
    /// - Throws: `.kernel` where the list cannot be read again.
    @discardableResult
    public func refresh() throws(InterfaceError) -> Bool {
        let before = (table.version, routeVersion, addresses)
        do {
            while let messages = try events.receive(waits: false) {
                let time = Clock.now()
                for message in messages { take(message, at: time) }
            }
        } catch {
            guard error.code == ENOBUFS else { throw error }
            overruns += 1
            routeVersion += 1
            table.replace(with: try list(), at: Clock.now())
            try listAddresses()
        }
        return before != (table.version, routeVersion, addresses)
    }

    private func take(_ message: RouteMessage, at time: Timestamp) {
        switch message.kind {
        case RouteMessage.Kind.newLink:
            if let interface = NodeInterface(message) { table.note(interface, at: time) }
        case RouteMessage.Kind.deleteLink:
            guard let interface = NodeInterface(message) else { return }
            table.remove(interface.index, at: time)
            if addressesByIndex.removeValue(forKey: interface.index) != nil { joinAddresses() }
        case RouteMessage.Kind.newAddress, RouteMessage.Kind.deleteAddress:
            guard let (index, address) = message.interfaceAddress else { return }
            if message.kind == RouteMessage.Kind.newAddress {
                addressesByIndex[index, default: []].insert(address)
            } else {
                addressesByIndex[index]?.remove(address)
            }
            joinAddresses()
        case RouteMessage.Kind.newRoute, RouteMessage.Kind.deleteRoute:
            // struct rtmsg: the second byte is the length of the destination's prefix.
            if message.body.dropFirst().first == 0 { routeVersion += 1 }
        default: break
        }
    }

    private func list() throws(InterfaceError) -> [NodeInterface] {
        try requests.links(in: nil)
    }

    private func listAddresses() throws(InterfaceError) {
        addressesByIndex = [:]
        // struct ifaddrmsg: addresses of all families and interfaces.
        for message in try requests.list(
            RouteMessage.Kind.getAddress, body: [UInt8](repeating: 0, count: 8),
            for: "list addresses")
        {
            guard let (index, address) = message.interfaceAddress else { continue }
            addressesByIndex[index, default: []].insert(address)
        }
        joinAddresses()
    }

    private func joinAddresses() {
        addresses = addressesByIndex.values.reduce(into: []) { $0.formUnion($1) }
    }

    /// The indexes of the uplinks: interfaces by which one global address of each family is
    /// reached.
    public func uplinks() -> Set<UInt32> {
        // Addresses of root servers: the same everywhere, and in no private network.
        let examples: [(UInt8, [UInt8])] = [
            (UInt8(AF_INET), [198, 41, 0, 4]),
            (
                UInt8(AF_INET6),
                [0x20, 1, 5, 3, 0xBA, 0x3E, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0x30]
            ),
        ]
        var found: Set<UInt32> = []
        for (family, address) in examples {
            // No route is a valid answer, too.
            if let index = try? requests.outgoingInterface(family, address) { found.insert(index) }
        }
        return found
    }
}

extension RouteSocket {
    /// The interfaces of a namespace; nil: of this one.
    mutating func links(in namespace: Int32?) throws(InterfaceError) -> [NodeInterface] {
        // Without statistics (RTEXT_FILTER_SKIP_STATS) an answer is a third as long.
        var request = [UInt8](repeating: 0, count: 16)
        request += RouteMessage.attribute(
            NodeInterface.Attribute.extendedMask, UInt32(8).nativeBytes)
        if let namespace {
            request += RouteMessage.attribute(
                NodeInterface.Attribute.targetNamespace, namespace.nativeBytes)
        }
        return try list(RouteMessage.Kind.getLink, body: request, for: "list interfaces")
            .compactMap { NodeInterface($0) }
    }

    /// The interface by which packets to an address leave.
    mutating func outgoingInterface(
        _ family: UInt8, _ address: [UInt8]
    ) throws(InterfaceError) -> UInt32? {
        // struct rtmsg, and RTA_DST.
        let request =
            [family, UInt8(address.count * 8)] + [UInt8](repeating: 0, count: 10)
            + RouteMessage.attribute(1, address)
        var index: UInt32?
        _ = try ask(RouteMessage.Kind.getRoute, flags: 0, body: request, for: "find a route") {
            $0.body.dropFirst(12).forEachAttribute { type, value in
                // RTA_OIF.
                if type == 4 { index = value.native32(0) }
            }
        }
        return index
    }
}
