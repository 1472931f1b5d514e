internal import EventDelivery
internal import FoundationEssentials
internal import Glibc

/// The limits on a monitor's use of its node.
public struct ResourceLimits: Sendable, Equatable {
    /// Bytes of memory. It determines the sizes of the tables; above it, no unknown host is
    /// monitored until memory is available again.
    public var memory = 2 << 30
    /// Cores of CPU, such as 0.5; nil: no limit. The packet thread sleeps when they are used up,
    /// while packets wait in the kernel's ring.
    public var cores: Double?

    public init() {}

    /// The program, the model, the store's cache and the copies of captured packets.
    private static let base = 160 << 20
    /// A flow with its share of the index, in the worst case (`FlowMeterOptions.capacity`).
    private static let bytesPerFlow = 336
    /// A host that talks to a few dozen others.
    private static let bytesPerHost = 24 << 10

    private var room: Int { max(memory - Self.base, 32 << 20) }

    /// A quarter of the memory for flows.
    var flowCapacity: Int { min(4 << 20, room / 4 / Self.bytesPerFlow) }

    /// Half of it for hosts; the rest is for hosts that talk to many others, and for incidents.
    var hostLimit: Int { min(100_000, room / 2 / Self.bytesPerHost) }

    /// The resident bytes of this process (proc(5), `statm`), without shared pages, which include
    /// the kernel's rings.
    static var residentBytes: Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
            return nil
        }
        let fields = text.split(separator: " ").prefix(3).compactMap { Int($0) }
        return fields.count == 3 ? (fields[1] - fields[2]) * sysconf(Int32(_SC_PAGESIZE)) : nil
    }
}
