import Glibc

/// A file in memory.
public struct MemoryFile: ~Copyable, Sendable {
    private let descriptor: Int32
    public var path: String { "/proc/self/fd/\(descriptor)" }

    public init?(_ start: UnsafePointer<UInt8>, _ count: Int) {
        var name = Array("/dev/shm/lazaret-fuzz-XXXXXX".utf8CString)
        descriptor = mkstemp(&name)
        unlink(name)
        guard descriptor >= 0, write(descriptor, start, count) == count else { return nil }
    }

    deinit { close(descriptor) }
}

/// Whether a text is one line that a terminal shows as it is.
public func isOneLine(_ text: String) -> Bool {
    !text.isEmpty
        && text.unicodeScalars.allSatisfy { $0.value >= 0x20 && !(0x7F...0x9F).contains($0.value) }
}
