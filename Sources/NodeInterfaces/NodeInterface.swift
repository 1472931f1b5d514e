public import NetworkAddresses

/// One network interface of this network namespace, as the kernel describes it.
public struct NodeInterface: Equatable, Sendable {
    /// The kind of interface (`IFLA_INFO_KIND`); a physical interface has none.
    public enum Kind: Hashable, Sendable {
        case physical, loopback, bridge, veth, macvlan, ipvlan, vxlan, vlan, bond, tun
        /// Any other kind, by its name in the kernel.
        case other(String)

        init(_ word: String, isLoopback: Bool) {
            self =
                switch word {
                case "": isLoopback ? .loopback : .physical
                case "bridge": .bridge
                case "veth": .veth
                case "macvlan", "macvtap": .macvlan
                case "ipvlan", "ipvtap": .ipvlan
                case "vxlan": .vxlan
                case "vlan": .vlan
                case "bond": .bond
                case "tun": .tun
                default: .other(word)
                }
        }
    }

    /// Where the other end is: a veth's peer, or the interface below a VLAN, VXLAN or macvlan.
    public struct Link: Hashable, Sendable {
        /// The kernel's index of the other end, in the namespace where that is.
        public var index: UInt32
        /// The number of that namespace in this one; nil: it is this one.
        public var namespace: Int32?

        public init(index: UInt32, namespace: Int32?) {
            self.index = index
            self.namespace = namespace
        }
    }

    /// Counts up from 1 with every interface that appears. Unlike the kernel's index it is never
    /// reused.
    public var port: UInt32 = 0
    /// The kernel's index, which another interface may get when this one is gone.
    public var index: UInt32
    public var name = ""
    public var kind = Kind.physical
    /// The number of the hardware type (`ARPHRD_…`).
    public var hardwareType: UInt16 = 1
    public var mac = MACAddress.zero
    /// Index of the bridge, bond or the like that the interface belongs to.
    public var master: UInt32?
    /// The kind of that interface, by its name in the kernel (`IFLA_INFO_SLAVE_KIND`): `bridge`,
    /// `bond`.
    public var masterKind = ""
    public var link: Link?
    public var isUp = false

    public init(index: UInt32) { self.index = index }

    /// Parses a message of RTM_NEWLINK or RTM_DELLINK; nil for any other.
    init?(_ message: RouteMessage) {
        let body = message.body
        // Bridges report their ports with the same messages in their own family.
        guard body.count >= 16, body.native16(0) & 0xFF == 0 else { return nil }
        index = body.native32(4)
        hardwareType = body.native16(2)
        let flags = body.native32(8)
        isUp = flags & 1 != 0
        var word = ""
        var below: UInt32 = 0
        var namespace: Int32?
        body.dropFirst(16).forEachAttribute { type, value in
            switch type {
            case Attribute.address where value.count == 6:
                mac = MACAddress(value.reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
            case Attribute.name: name = value.text
            case Attribute.link: below = value.native32(0)
            case Attribute.master: master = value.native32(0)
            case Attribute.linkNamespace: namespace = Int32(bitPattern: value.native32(0))
            case Attribute.information:
                value.forEachAttribute { type, value in
                    if type == 1 { word = value.text }
                    if type == 4 { masterKind = value.text }
                }
            default: break
            }
        }
        kind = Kind(word, isLoopback: flags & 8 != 0)
        if below != 0, below != index || namespace != nil {
            link = Link(index: below, namespace: namespace)
        }
    }

    /// The numbers of `linux/if_link.h` in use here.
    enum Attribute {
        static let address: UInt16 = 1
        static let name: UInt16 = 3
        static let link: UInt16 = 5
        static let master: UInt16 = 10
        static let information: UInt16 = 18
        static let extendedMask: UInt16 = 29
        static let linkNamespace: UInt16 = 37
        static let targetNamespace: UInt16 = 46
    }

    /// Distinguishes this interface from later ones with its name, also after the node restarts:
    /// the kernel's index, and the MAC address. Renaming does not change it, and the container at
    /// the other end cannot.
    public var instance: String { "\(index)/\(mac)" }

    /// The same from what earlier versions stored, with the other end's index in the middle.
    public static func instance(stored: String) -> String {
        let parts = stored.split(separator: "/")
        return parts.count == 3 ? "\(parts[0])/\(parts[2])" : stored
    }

    /// Whether it is a port of a bridge: frames that come in here were sent from its other end.
    public var isBridgePort: Bool {
        master != nil && (masterKind == "bridge" || masterKind == "openvswitch")
    }

    /// Whether other interfaces are its ports.
    public var isBridge: Bool { kind == .bridge || kind == .other("openvswitch") }

    /// Whether the other end is in another network namespace, so most likely a container's.
    public var leadsElsewhere: Bool { kind == .veth && link?.namespace != nil }

    /// Whether `other` describes the same interface at another time: kind and type never change,
    /// nor does what is below it on this node. A container can give its own end another index.
    func isSame(as other: NodeInterface) -> Bool {
        guard kind == other.kind, hardwareType == other.hardwareType else { return false }
        if leadsElsewhere, other.leadsElsewhere, mac != .zero { return mac == other.mac }
        return link?.index == other.link?.index && (name == other.name || mac == other.mac)
    }
}
