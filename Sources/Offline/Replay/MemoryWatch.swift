import Synchronization
import SystemSupport

/// Checks the memory in use after every so many windows, because windows take the memory.
struct MemoryWatch {
    private static let interval = 1024

    private let limit: Int
    private var count = 0
    private(set) var wasShort = false

    init(_ limits: ResourceLimits) { limit = limits.memory }

    /// Counts windows, and checks the memory in use if a check is due; returns whether it is short.
    mutating func check(after windows: Int) -> Bool? {
        let checks = count / Self.interval
        count += windows
        guard count / Self.interval > checks else { return nil }
        let isShort = (ResourceLimits.residentBytes ?? 0) > limit
        wasShort = wasShort || isShort
        return isShort
    }
}

/// Whether memory is short, from the thread that judges to the one that counts packets.
final class MemoryShortage: Sendable {
    private let flag = Atomic(false)

    var isShort: Bool {
        get { flag.load(ordering: .relaxed) }
        set { flag.store(newValue, ordering: .relaxed) }
    }
}
