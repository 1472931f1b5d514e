import Glibc

/// A file in memory.
struct MemoryFile: ~Copyable {
    private let descriptor: Int32
    var path: String { "/proc/self/fd/\(descriptor)" }

    init?(_ start: UnsafePointer<UInt8>, _ count: Int) {
        var name = Array("/dev/shm/lazaret-fuzz-XXXXXX".utf8CString)
        descriptor = mkstemp(&name)
        unlink(name)
        guard descriptor >= 0, write(descriptor, start, count) == count else { return nil }
    }

    deinit { close(descriptor) }
}
