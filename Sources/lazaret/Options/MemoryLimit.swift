import ArgumentParser
import SystemSupport
import TextFormats

/// An amount of memory with its unit, as `limits.memory` of the configuration.
struct MemoryLimit: ExpressibleByArgument {
    let size: ByteCount

    /// The default limit of a monitor.
    init() { size = ByteCount(bytes: ResourceLimits().memory) }

    init?(argument: String) {
        guard let size = ByteCount(argument), ResourceLimits.memoryRange.contains(size.bytes) else {
            return nil
        }
        self.size = size
    }

    var defaultValueDescription: String { "\(size)" }
}
