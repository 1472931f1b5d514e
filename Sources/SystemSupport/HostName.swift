internal import Glibc

/// The name of this node.
package enum HostName {
    /// Printable ASCII without spaces; `-` where there is none.
    package static let text: String = {
        var bytes = [CChar](repeating: 0, count: 256)
        // SAFETY: the last byte stays zero.
        guard unsafe gethostname(&bytes, bytes.count - 1) == 0 else { return "-" }
        let name = bytes.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)).filter { 33...126 ~= $0 }
        return name.isEmpty ? "-" : String(decoding: name, as: UTF8.self)
    }()
}
