internal import Glibc
public import Timestamps
import SystemSupport

/// The containers and pods of this node's processes, by their control groups.
public struct ProcessTable: Sendable {
    /// A process may be as much younger than its event: clocks and ticks are rounded.
    private static let slack = Interval.seconds(1)
    private static let longestFile = 4 << 20

    private let folder: String
    private let ticksPerSecond = Int64(max(sysconf(Int32(_SC_CLK_TCK)), 1))

    /// - Parameter folder: where procfs is mounted.
    public init(folder: String = "/proc") { self.folder = folder }

    /// The places of a process that ran at a time, the innermost container first; empty outside of
    /// containers.
    ///
    /// - Returns: nil where the process is gone, or its number belongs to a younger one.
    public func places(of process: Int32, at time: Timestamp) -> [ReportedEvent.Place]? {
        guard let start = ticks(of: process), let boot = bootSecond() else { return nil }
        let began =
            Timestamp(second: boot)
            + .milliseconds(
                start.multipliedReportingOverflow(by: 1000).partialValue / ticksPerSecond)
        guard began <= time + Self.slack, let groups = text("\(process)/cgroup"),
            // Meanwhile the number may have become that of another process.
            ticks(of: process) == start
        else { return nil }
        return Self.places(inGroups: groups)
    }

    /// The containers and pods in the lines of `/proc/PID/cgroup`, such as
    /// `0::/system.slice/docker-4f66….scope` or
    /// `0::/kubepods.slice/kubepods-pod1b2c_….slice/cri-containerd-4f66….scope`.
    static func places(inGroups text: String) -> [ReportedEvent.Place] {
        var places: [ReportedEvent.Place] = []
        for line in text.split(separator: "\n") {
            // The last word is the path, which may have colons of its own.
            guard let path = line.split(separator: ":", maxSplits: 2).last else { continue }
            for part in path.split(separator: "/").reversed() {
                let place = container(in: part) ?? podUID(in: part)
                if let place, !places.contains(place) { places.append(place) }
            }
        }
        return places
    }

    private static func container(in part: Substring) -> ReportedEvent.Place? {
        let words = part.split { $0 == "-" || $0 == "." || $0 == ":" }
        return words.last {
            $0.utf8.count == 64 && $0.utf8.allSatisfy { isLowerHex($0) }
        }.map { .container(String($0)) }
    }

    private static func podUID(in part: Substring) -> ReportedEvent.Place? {
        let name = part.hasSuffix(".slice") ? part.dropLast(6) : part
        guard let at = name.end(ofLast: "pod") else { return nil }
        let uid = name[at...].map { $0 == "_" ? "-" : $0 }
        guard uid.count == 36, uid.allSatisfy({ $0 == "-" || $0.isHexDigit }) else { return nil }
        return .podUID(String(uid))
    }

    private static func isLowerHex(_ byte: UInt8) -> Bool {
        (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
            || (UInt8(ascii: "a")...UInt8(ascii: "f")).contains(byte)
    }

    /// When a process began, in ticks since the boot: the 22nd word of its `stat`, of which the
    /// second may contain anything in parentheses.
    private func ticks(of process: Int32) -> Int64? {
        guard let text = text("\(process)/stat"), let end = text.lastIndex(of: ")") else {
            return nil
        }
        let words = text[text.index(after: end)...].split(separator: " ")
        return words.count > 19 ? Int64(words[19]) : nil
    }

    private func bootSecond() -> Int64? {
        text("stat")?.split(separator: "\n").first { $0.hasPrefix("btime ") }
            .flatMap { Int64($0.dropFirst(6)) }
    }

    private func text(_ name: String) -> String? {
        (try? Files.read("\(folder)/\(name)", limit: Self.longestFile))
            .map { String(decoding: $0, as: UTF8.self) }
    }
}

extension Substring {
    /// The index behind the last occurrence of a word.
    fileprivate func end(ofLast word: String) -> Index? {
        var rest = self[...]
        var found: Index?
        while let next = rest.firstRange(of: word) {
            found = next.upperBound
            rest = rest[next.upperBound...]
        }
        return found
    }
}
