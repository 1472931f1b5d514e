internal import Glibc
package import NetworkAddresses
package import Nftables
internal import SystemPackage
internal import SystemSupport

/// The hosts from which users are logged in to this node, as its login service records them.
public struct LoginRecords: Sendable {
    /// The records of utmp(5).
    public var file = "/run/utmp"
    /// The sessions of systemd-logind.
    public var directory = "/run/systemd/sessions"

    public init() {}

    /// The addresses of the hosts; names are left out.
    package func hosts() throws(NetlinkError) -> Set<IPAddress> {
        var found = Self.records(try FileText.bytes(file))
        for name in Self.names(in: directory) {
            for line in try FileText.lines("\(directory)/\(name)")
            where line.hasPrefix("REMOTE_HOST=") {
                if let address = IPAddress(String(line.dropFirst(12).prefix { $0 != "%" })) {
                    found.insert(address)
                }
            }
        }
        return found
    }

    /// The addresses in records of users' sessions.
    private static func records(_ bytes: [UInt8]) -> Set<IPAddress> {
        var found: Set<IPAddress> = []
        let size = MemoryLayout<utmpx>.size
        for start in stride(from: 0, through: bytes.count - size, by: size) {
            // SAFETY: a whole record lies in the array from `start` on, and any bytes are valid in
            // it.
            let record = unsafe bytes.withUnsafeBytes { raw in
                unsafe raw.loadUnaligned(fromByteOffset: start, as: utmpx.self)
            }
            guard Int32(record.ut_type) == USER_PROCESS else { continue }
            let words = record.ut_addr_v6
            let parts = [words.0, words.1, words.2, words.3].map { UInt32(bitPattern: $0) }
            let isIPv4 = parts[1...].allSatisfy { $0 == 0 }
            guard parts != [0, 0, 0, 0] else { continue }
            // In network order.
            let address = (isIPv4 ? parts[..<1] : parts[...]).flatMap { part in
                (0..<4).map { UInt8(truncatingIfNeeded: part >> UInt32($0 * 8)) }
            }
            if let address = IPAddress(bytes: address) { found.insert(address) }
        }
        return found
    }

    private static func names(in directory: String) -> [String] {
        guard let folder = try? OpenFile(directory, .readOnly, .directory),
            let names = try? Files.names(in: folder)
        else { return [] }
        return names.filter { !$0.hasPrefix(".") && !$0.hasSuffix(".ref") }
    }
}
