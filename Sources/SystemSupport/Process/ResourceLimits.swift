internal import FoundationEssentials
internal import Glibc

/// What a monitor or a replay may take of its node.
public struct ResourceLimits: Sendable, Equatable {
    /// Bytes of memory. Tables are as large as it allows; beyond it no unknown host is watched
    /// until there is room again.
    public var memory = 2 << 30
    /// What `memory` may be: with less there is no room for tables.
    public static let memoryRange = (256 << 20)...(1 << 40)
    /// Cores of CPU, such as 0.5; nil: as many as it can use. The packet thread rests when they are
    /// used up, and what comes meanwhile waits in the kernel's ring.
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

    /// Half for hosts; the rest is for those that talk to many others, and for incidents.
    package var hostLimit: Int { min(100_000, room / 2 / Self.bytesPerHost) }

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
