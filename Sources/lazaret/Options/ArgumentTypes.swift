import ArgumentParser
import SystemSupport
import TextFormats

/// A rate such as `1/day`, `2/hour`, `3/week`, or a number per day; with the suffix `/workload` for
/// each workload.
struct FalseAlarmRate: ExpressibleByArgument {
    var perDay: Double
    var isPerWorkload = false

    init(perDay: Double) { self.perDay = perDay }

    init?(argument: String) {
        let parts = argument.split(separator: "/", omittingEmptySubsequences: false)
        guard let count = Double(parts[0]), count > 0, count <= 1e9, parts.count <= 3,
            parts.count < 3 || parts[2] == "workload"
        else { return nil }
        isPerWorkload = parts.count == 3
        switch parts.count >= 2 ? parts[1] : "day" {
        case "hour", "h": perDay = count * 24
        case "day", "d": perDay = count
        case "week", "w": perDay = count / 7
        default: return nil
        }
    }

    var defaultValueDescription: String { "1/day" }
}

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
