internal import EventDelivery
internal import FoundationEssentials
internal import Glibc

/// What a monitor may take of its node.
public struct ResourceLimits: Sendable, Equatable {
    /// Bytes of memory. Tables are as large as it allows; beyond it no stranger is watched until
    /// there is room again.
    public var memory = 2 << 30
    /// Cores of CPU, such as 0.5; nil: as many as it can use. The packet thread rests when they are
    /// used up, and what comes meanwhile waits in the kernel's ring.
    public var cores: Double?

    public init() {}

    /// The program itself, the model, the store's cache and the copies of captured packets.
    private static let base = 160 << 20
    /// A flow with its share of the index, at the worst (`FlowMeterOptions.capacity`).
    private static let bytesPerFlow = 336
    /// An address that talks to some dozens of others.
    private static let bytesPerHost = 24 << 10

    private var room: Int { max(memory - Self.base, 32 << 20) }

    /// A quarter for flows.
    var flowCapacity: Int { min(4 << 20, room / 4 / Self.bytesPerFlow) }

    /// Half for hosts; the rest is for those that talk to many others, and for incidents.
    var hostLimit: Int { min(100_000, room / 2 / Self.bytesPerHost) }

    /// Bytes of this process that are in memory (proc(5), `statm`), without pages that it shares:
    /// the kernel's rings.
    static var residentBytes: Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
            return nil
        }
        let fields = text.split(separator: " ").prefix(3).compactMap { Int($0) }
        return fields.count == 3 ? (fields[1] - fields[2]) * sysconf(Int32(_SC_PAGESIZE)) : nil
    }
}
