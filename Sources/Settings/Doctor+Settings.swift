import EventDelivery
import FoundationEssentials
import Glibc
import Monitor
import PacketCapture
import SystemPackage
import SystemSupport
import Workloads

/// Checks of settings in the kernel and in the configuration.
extension Doctor {
    mutating func bridges() {
        let settings = ["iptables", "ip6tables"].map {
            ($0, Self.text("/proc/sys/net/bridge/bridge-nf-call-\($0)"))
        }
        if settings.allSatisfy({ $0.1 == nil }) {
            return add(
                .ok, "bridged traffic", "does not pass the inet tables; fences do not need it")
        }
        let hidden = settings.filter { $0.1 == "0" }.map { "bridge-nf-call-\($0.0) 0" }
        hidden.isEmpty
            ? add(.ok, "bridged traffic", "passes the inet tables")
            : add(
                .warning, "bridged traffic",
                """
                does not pass the inet tables (\(hidden.joined(separator: ", "))): fences work, but
                """
                    + " the 'egress' action cannot filter UDP on one bridge")
    }

    /// Checks whether `containers` stands for bridges that can be watched.
    mutating func containers() async {
        guard configuration.monitor.interfaces.contains(LiveWorkloads.allBridges) else { return }
        let subject = "interface \(LiveWorkloads.allBridges)"
        var options = configuration.monitor.workloads
        options.kubernetes = .never
        let live: LiveWorkloads
        do { live = try LiveWorkloads(options: options, given: nil) } catch {
            return add(.error, subject, "\(error)")
        }
        for failure in await live.listOnce() {
            add(.error, subject, "\(failure.source): \(failure.reason)")
        }
        let bridges = live.directory.bridges()
        guard bridges.isEmpty else {
            return add(.ok, subject, "bridges \(bridges.joined(separator: ", "))")
        }
        add(
            .error, subject,
            "no container engine names a bridge (\(live.enginesText)): no packet would be "
                + "captured; start the engine, let this user open its socket, or name the bridges")
    }

    /// Checks the kernel's rings of the interfaces, and its other buffers for a monitor.
    mutating func buffers() {
        let ring = configuration.monitor.capture.bufferSize >> 10
        ring < 4096
            ? add(
                .warning, "buffers",
                """
                \(ring) KiB for each interface: 10,000 packets a second fill them in less than \
                half a second; set
                """
                    + " 'buffer_kib: 16384'")
            : add(.ok, "buffers", "\(ring) KiB for each interface")
        // A full table causes failed connections, which look like scans.
        if let most = Self.text("/proc/sys/net/netfilter/nf_conntrack_max").flatMap(Int.init),
            let count = Self.text("/proc/sys/net/netfilter/nf_conntrack_count").flatMap(Int.init),
            most > 0, count * 10 > most * 9
        {
            add(
                .warning, "connections",
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
            (try? Files.checkWritable(output.parentPath)) != nil
                ? add(.ok, "events", output)
                : add(
                    .warning, "events",
                    "\(output): no file can be created in its folder; rotation will fail")
        }
        if case .unix(let path)? = delivery.syslog?.address,
            !FileManager.default.fileExists(atPath: path)
        {
            add(.warning, "syslog", "\(path): no server listens there; events will wait")
        }
        if !isFaulty("notify") { for entry in delivery.notify { notification(entry) } }
        guard let webhook = delivery.webhook, !isFaulty("webhook.secret_file") else { return }
        guard let secret = webhook.secretFile else {
            return add(
                .warning, "webhook",
                "events are not signed; set 'secret_file' so that the server can authenticate them"
            )
        }
        guard let facts = try? Files.status(secret) else { return }
        !facts.permissions.isDisjoint(with: .otherReadWriteExecute)
            ? add(.warning, "webhook", "\(secret): all users can read it; chmod o-rwx")
            : add(.ok, "webhook", "events are signed with \(secret)")
    }

    /// Asks the sources of decisions.
    mutating func decisionSources() async {
        guard !isFaulty("quarantine.decisions_from") else { return }
        for source in configuration.monitor.decisionSources {
            let subject = "decisions \(source.name)"
            if let trouble = await source.trouble() {
                add(.warning, subject, "\(trouble); none becomes a rule until it answers")
            } else {
                add(.ok, subject, "\(source.url) answers and accepts the key")
            }
        }
    }

    private mutating func notification(_ entry: NotifyEntry) {
        let subject = "notify \(entry.name)"
        let trial = "'lazaret notify test \(entry.name)' sends a message"
        entry.isInClear
            ? add(.warning, subject, "its URL is http: others on the way can read alerts; \(trial)")
            : add(
                .ok, subject,
                "\(entry.kind.rawValue), severity \(entry.level.rawValue); \(trial)")
    }
}
