import ArgumentParser
import SystemSupport
import TextFormats

/// An amount of memory with its unit, as `limits.memory` of the configuration.
struct MemoryLimit: CustomStringConvertible {
    let size: ByteCount

    /// The default limit of a monitor.
    init() { size = ByteCount(bytes: ResourceLimits().memory) }

    /// - Throws: `ValidationError` with what is expected.
    init(argument: String) throws {
        let range = ResourceLimits.memoryRange
        guard let size = ByteCount(argument), range.contains(size.bytes) else {
            throw ValidationError(
                """
                expected a size with its unit, \(ByteCount(bytes: range.lowerBound)) to \
                \(ByteCount(bytes: range.upperBound))
                """)
        }
        self.size = size
    }

    var description: String { "\(size)" }
}
