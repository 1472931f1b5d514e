internal import NetworkAddresses
public import Quarantine

extension FenceLedger {
    /// Notes what the daemon's configuration says of the fence's making, so that the command line
    /// makes it alike.
    public func note(_ options: FirewallOptions) throws(QuarantineError) {
        let lines =
            ["limit \(options.limitPacketsPerSecond)"]
            + options.kept.map { service in
                let port = service.port.map { "\($0.transport.rawValue) \($0.number)" } ?? "any 0"
                return "kept \(service.address) \(port) \(service.name.filter { !$0.isNewline })"
            }
        try set("fence", to: lines.joined(separator: "\n"))
    }

    /// Takes over what the daemon noted; a line that means nothing is skipped.
    public func apply(to options: inout FirewallOptions) throws(QuarantineError) {
        let text = try setting("fence") ?? ""
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", maxSplits: 4).map(String.init)
            if words.count == 2, words[0] == "limit", let rate = UInt64(words[1]) {
                options.limitPacketsPerSecond = rate
            } else if words.count >= 4, words[0] == "kept", let address = IPAddress(words[1]) {
                let port = KeptService.Transport(rawValue: words[2]).flatMap { transport in
                    UInt16(words[3]).map { KeptService.Port(transport, $0) }
                }
                options.kept.append(
                    KeptService(
                        name: words.count > 4 ? words[4] : "", address: address, port: port))
            }
        }
    }
}
