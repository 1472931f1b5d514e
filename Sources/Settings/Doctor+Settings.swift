import EventDelivery
import FoundationEssentials
import Glibc
import Monitor
import PacketCapture
import SystemSupport

/// Checks of settings in the kernel and in the configuration.
extension Doctor {
    mutating func bridges() {
        let settings = ["iptables", "ip6tables"].map {
            ($0, Self.text("/proc/sys/net/bridge/bridge-nf-call-\($0)"))
        }
        if settings.allSatisfy({ $0.1 == nil }) {
            return note(
                .good, "bridged traffic", "does not pass the inet tables; fences do not need it")
        }
        let hidden = settings.filter { $0.1 == "0" }.map { "bridge-nf-call-\($0.0) 0" }
        hidden.isEmpty
            ? note(.good, "bridged traffic", "passes the inet tables")
            : note(
                .mind, "bridged traffic",
                """
                does not pass the inet tables (\(hidden.joined(separator: ", "))): fences work, but
                """
                    + " the 'egress' action cannot filter UDP on one bridge")
    }

    /// Checks the kernel's rings of the interfaces, and its other buffers for a monitor.
    mutating func buffers() {
        let ring = configuration.monitor.capture.bufferSize >> 10
        ring < 4096
            ? note(
                .mind, "buffers",
                """
                \(ring) KiB for each interface: 10,000 packets a second fill them in less than \
                half a second; say
                """
                    + " 'buffer_kib: 16384'")
            : note(.good, "buffers", "\(ring) KiB for each interface")
        // A full table causes failed connections, which look like scans.
        if let most = Self.text("/proc/sys/net/netfilter/nf_conntrack_max").flatMap(Int.init),
            let count = Self.text("/proc/sys/net/netfilter/nf_conntrack_count").flatMap(Int.init),
            most > 0, count * 10 > most * 9
        {
            note(
                .mind, "connections",
                """
                the kernel's table is nearly full (\(count) of \(most)): the kernel drops new \
                connections; raise
                """
                    + " net.netfilter.nf_conntrack_max")
        }
    }

    /// Checks the sinks of events.
    mutating func sinks() {
        let output = configuration.monitor.output
        let delivery = configuration.monitor.delivery
        if output != "-", !isFaulty("events") {
            let folder = output.parentPath
            // SAFETY: the pointer is valid for the call.
            unsafe access(folder.isEmpty ? "." : folder, W_OK) == 0
                ? note(.good, "events", output)
                : note(
                    .mind, "events",
                    "\(output): no file can be created in its folder; rotation will fail")
        }
        if case .unix(let path)? = delivery.syslog?.address,
            !FileManager.default.fileExists(atPath: path)
        {
            note(.mind, "syslog", "\(path): no server listens there; events will wait")
        }
        guard let webhook = delivery.webhook, !isFaulty("webhook.secret_file") else { return }
        guard let secret = webhook.secretFile else {
            return note(
                .mind, "webhook",
                "events are not signed; set 'secret_file' so that the server can authenticate them"
            )
        }
        var facts = stat()
        // SAFETY: the structure and the path are valid for the call.
        guard unsafe stat(secret, &facts) == 0 else { return }
        facts.st_mode & 0o007 != 0
            ? note(.mind, "webhook", "\(secret): all users can read it; chmod o-rwx")
            : note(.good, "webhook", "events are signed with \(secret)")
    }
}
