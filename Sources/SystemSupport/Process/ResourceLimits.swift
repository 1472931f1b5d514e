internal import FoundationEssentials
internal import Glibc

/// The resources of the node that a monitor or a replay may use.
public struct ResourceLimits: Sendable, Equatable {
    /// Bytes of memory. The sizes of the tables follow it; beyond it no unknown host is watched
    /// until memory is free again.
    public var memory = 2 << 30
    /// The range of `memory`: with less there is no space for tables.
    public static let memoryRange = (256 << 20)...(1 << 40)
    /// Cores of CPU, such as 0.5; nil: no limit. The packet thread rests when they are used up, and
    /// packets wait in the kernel's ring.
    public var cores: Double?

    public init() {}

    /// The program, the model, the store's cache and the copies of captured packets.
    private static let base = 160 << 20
    /// A flow with its share of the index, at the worst (`capacity` of a flow meter's options).
    private static let bytesPerFlow = 336
    /// A host that talks to a few dozen others.
    private static let bytesPerHost = 24 << 10

    private var room: Int { max(memory - Self.base, 32 << 20) }

    /// A quarter for flows.
    package var flowCapacity: Int { min(4 << 20, room / 4 / Self.bytesPerFlow) }

    /// Half for hosts; the rest is for those with many peers, and for incidents.
    package var hostLimit: Int { min(100_000, room / 2 / Self.bytesPerHost) }

    /// A quarter for the windows of a ranking, which has no incidents.
    package var windowBytes: Int { room / 4 }

    /// A quarter for the hosts that it ranks, 3 KB each. Flows and hosts are counted before that,
    /// or, if the captures are read again, windows are not kept.
    package var rankedLimit: Int { min(65_536, room / 4 / (3 << 10)) }

    /// The resident bytes of this process (proc(5), `statm`), without shared pages, which include
    /// the kernel's rings.
    package static var residentBytes: Int? {
        guard let text = try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8) else {
            return nil
        }
        let fields = text.split(separator: " ").prefix(3).compactMap { Int($0) }
        return fields.count == 3 ? (fields[1] - fields[2]) * sysconf(Int32(_SC_PAGESIZE)) : nil
    }
}
