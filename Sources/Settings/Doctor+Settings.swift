import EventDelivery
import FoundationEssentials
import Glibc
import Monitor
import PacketCapture
import SystemSupport

/// What the kernel and the configuration are set to.
extension Doctor {
    mutating func bridges() {
        let settings = ["iptables", "ip6tables"].map {
            ($0, Self.text("/proc/sys/net/bridge/bridge-nf-call-\($0)"))
        }
        if settings.allSatisfy({ $0.1 == nil }) {
            return note(
                .good, "bridged traffic", "is not shown to the inet tables; fences do not need it")
        }
        let hidden = settings.filter { $0.1 == "0" }.map { "bridge-nf-call-\($0.0) 0" }
        hidden.isEmpty
            ? note(.good, "bridged traffic", "is shown to the inet tables")
            : note(
                .mind, "bridged traffic",
                "is not shown to the inet tables (\(hidden.joined(separator: ", "))): fences hold all the same, but"
                    + " the 'egress' response cannot tell UDP apart on one bridge")
    }

    /// The kernel's rings of the interfaces, and what else it holds for a monitor.
    mutating func buffers() {
        let ring = configuration.monitor.capture.bufferSize >> 10
        ring < 4096
            ? note(
                .mind, "buffers",
                "\(ring) KiB for each interface: 10,000 packets a second fill them in less than half a second; say"
                    + " 'buffer_kib: 16384'")
            : note(.good, "buffers", "\(ring) KiB for each interface")
        // A full table looks like an outage, and to the windows like scans.
        if let most = Self.text("/proc/sys/net/netfilter/nf_conntrack_max").flatMap(Int.init),
            let count = Self.text("/proc/sys/net/netfilter/nf_conntrack_count").flatMap(Int.init),
            most > 0, count * 10 > most * 9
        {
            note(
                .mind, "connections",
                "the kernel's table is nearly full (\(count) of \(most)): it drops new connections by itself; raise"
                    + " net.netfilter.nf_conntrack_max")
        }
    }

    /// Where events go.
    mutating func sinks() {
        let output = configuration.monitor.output
        let delivery = configuration.monitor.delivery
        if output != "-", !isFaulty("events") {
            let folder = output.parentPath
            // SAFETY: the path is lent for the call.
            unsafe access(folder.isEmpty ? "." : folder, W_OK) == 0
                ? note(.good, "events", output)
                : note(
                    .mind, "events",
                    "\(output): no file can be made in its folder; rotation will not do")
        }
        if case .unix(let path)? = delivery.syslog?.address,
            !FileManager.default.fileExists(atPath: path)
        {
            note(.mind, "syslog", "\(path): nothing listens there; events will wait")
        }
        guard let webhook = delivery.webhook, !isFaulty("webhook.secret_file") else { return }
        guard let secret = webhook.secretFile else {
            return note(
                .mind, "webhook",
                "what is sent is not signed; name a 'secret_file' so that the server can tell who sent it"
            )
        }
        var facts = stat()
        // SAFETY: the structure is ours, the path is lent for the call.
        guard unsafe stat(secret, &facts) == 0 else { return }
        facts.st_mode & 0o007 != 0
            ? note(.mind, "webhook", "\(secret): everybody can read it; chmod o-rwx")
            : note(.good, "webhook", "what is sent is signed by \(secret)")
    }
}
