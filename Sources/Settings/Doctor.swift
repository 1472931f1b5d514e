import AnomalyDetection
import AnomalyModel
import Enforcement
import FoundationEssentials
import Glibc
import ModelFiles
import Monitor
import PacketCapture
import ProtectedAddresses
import SystemSupport
import Quarantine
import TextFormats
import Workloads
import Timestamps

/// Examines a node before a monitor runs there: reports what is missing, risks, and the remedies.
public struct Doctor {
    public enum Grade: String, Sendable {
        case ok
        case warning
        case error
    }

    /// The result of one check.
    public struct Finding: Sendable {
        public var grade: Grade
        public var subject: String
        /// The finding, with a remedy if it is not good.
        public var text: String
    }

    let configuration: Configuration
    let check: ConfigurationCheck
    private var findings: [Finding] = []

    public init(configuration: Configuration) {
        self.configuration = configuration
        check = ConfigurationCheck(configuration)
    }

    /// Runs all checks, in the order in which a start would fail.
    public mutating func examine() async -> [Finding] {
        findings = []
        // A fault that prevents the start is reported once, here, and not by the later checks.
        for fault in check.faults {
            add(.error, fault.key.isEmpty ? "configuration" : fault.key, fault.reason)
        }
        rights()
        interfaces()
        await containers()
        firewall()
        bridges()
        buffers()
        model()
        state()
        sinks()
        await decisionSources()
        clock()
        memory()
        return findings
    }

    mutating func add(_ grade: Grade, _ subject: String, _ text: String) {
        findings.append(Finding(grade: grade, subject: subject, text: text))
    }

    func isFaulty(_ key: String) -> Bool { check.faults.contains { $0.key == key } }

    static func text(_ path: String) -> String? {
        (try? Files.read(path)).map { String(decoding: $0, as: UTF8.self).trimmed }
    }

    private mutating func rights() {
        let status = Self.text("/proc/self/status") ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") } ?? ""
        let bits = UInt64(line.dropFirst(7).trimmed, radix: 16) ?? 0
        for (name, bit, use) in [
            ("CAP_NET_RAW", 13, "to capture"), ("CAP_NET_ADMIN", 12, "to fence"),
        ] as [(String, UInt64, String)] {
            bits >> bit & 1 == 1
                ? add(.ok, "rights", "\(name), \(use)")
                : add(.error, "rights", "no \(name), \(use); run as root or by the systemd unit")
        }
    }

    /// The interfaces of this network namespace, and whether each is up.
    private static func interfaces() -> [String: Bool] {
        var first: UnsafeMutablePointer<ifaddrs>?
        // SAFETY: the list belongs to this function, and is freed after use.
        guard unsafe getifaddrs(&first) == 0 else { return [:] }
        defer { unsafe freeifaddrs(first) }
        var found: [String: Bool] = [:]
        var next = unsafe first
        while let entry = unsafe next {
            let name = unsafe String(cString: entry.pointee.ifa_name)
            found[name] = unsafe entry.pointee.ifa_flags & UInt32(IFF_UP) != 0
            unsafe next = entry.pointee.ifa_next
        }
        return found
    }

    private mutating func interfaces() {
        let here = Self.interfaces()
        let bridges = here.keys.filter {
            FileManager.default.fileExists(atPath: "/sys/class/net/\($0)/bridge")
        }.sorted()
        let named = configuration.monitor.interfaces
        guard !named.isEmpty else {
            // The fault itself is reported by the check of the configuration.
            return add(
                .warning, "interfaces",
                bridges.isEmpty
                    ? "this node has no bridge; 'ip link' lists its interfaces"
                    : "bridges of this node: \(bridges.joined(separator: ", ")); add the uplink")
        }
        for name in named where name != "any" && name != LiveWorkloads.allBridges {
            let kind = bridges.contains(name) ? "bridge" : "interface"
            switch here[name] {
            // The check of the configuration reports what does not exist.
            case nil: break
            case false?:
                add(
                    .warning, "interface \(name)",
                    "\(kind), down: no packets will be captured on it")
            case true?: add(.ok, "interface \(name)", "\(kind), up")
            }
        }
        let left = bridges.filter { !named.contains($0) }
        if !left.isEmpty, !named.contains("any"), !named.contains(LiveWorkloads.allBridges) {
            add(
                .warning, "interfaces",
                """
                not watched: \(left.joined(separator: ", ")); traffic inside a bridge is visible \
                only there
                """
            )
        }
    }

    private mutating func firewall() {
        do {
            var options = FirewallOptions()
            options.isDryRun = true
            var firewall = try Firewall(options)
            let held = try firewall.elements()
            add(.ok, "nftables", "the kernel answers; \(held.count) active fences")
        } catch {
            add(.error, "nftables", "\(error)")
        }
        do {
            var discovery = configuration.monitor.discovery
            let found = try discovery.discover()
            add(
                .ok, "protected",
                """
                \(found.protected.entries.count) addresses and prefixes, \
                \(found.protected.links.count) network cards
                """
            )
        } catch {
            add(.error, "protected", "cannot be determined: \(error)")
        }
    }

    private mutating func model() {
        guard !isFaulty("model") else { return }
        if let path = configuration.model, let model = check.model { return describe(model, path) }
        let path = Monitor.learnedModelPath(in: configuration.monitor.stateDirectory)
        guard FileManager.default.fileExists(atPath: path) else {
            let span = TimeSpan(configuration.monitor.learningTime)
            return add(
                .warning, "model",
                """
                none: the monitor will learn for \(span) and not detect until then; 'lazaret \
                train' makes a model from a capture
                """
            )
        }
        do {
            describe(
                try ModelStore.readForJudging(
                    path, inventory: check.inventory, isLearned: true), path)
        } catch {
            add(.error, "model", "\(error)")
        }
    }

    private mutating func describe(_ model: Model, _ path: String) {
        let provenance = model.provenance
        let hours =
            (provenance.last - provenance.first).inSeconds / 3600
        let said = model.feedback.isEmpty ? "" : ", \(model.feedback.count) times corrected"
        hours < 1
            ? add(
                .warning, "model",
                """
                \(path): trained on only \(Int(hours * 60)) min\(said); rare harmless events will \
                be anomalous
                """
            )
            : add(.ok, "model", "\(path): learned from \(Int(hours)) h\(said)")
        if provenance.inventory.isEmpty, configuration.inventory == nil {
            add(
                .warning, "inventory",
                """
                none: every address is a workload of its own, and a replaced container is an \
                unknown host
                """
            )
        }
    }

    private mutating func state() {
        guard !isFaulty("state") else { return }
        let path = configuration.monitor.stateDirectory
        var place = path
        while !FileManager.default.fileExists(atPath: place), place.count > 1 {
            place = place.parentPath
        }
        do { try Files.checkWritable(place) } catch {
            return add(.error, "state", "\(path): is not writable; set another with 'state:'")
        }
        if let megabytes = (try? Files.freeBytes(place)).map({ $0 >> 20 }) {
            guard megabytes >= 100 else {
                return add(
                    .error, "state",
                    "\(path): \(megabytes) MB free; without a ledger nothing is fenced")
            }
        }
        add(.ok, "state", path)
    }

    private mutating func clock() {
        // Files of systemd-timesyncd, chrony and ntpd that exist while they run.
        let keepers = ["/run/systemd/timesync/synchronized", "/run/chrony", "/run/ntpd.pid"]
        keepers.contains { FileManager.default.fileExists(atPath: $0) }
            ? add(.ok, "clock", "is kept")
            : add(
                .warning, "clock",
                """
                no time service found: times will differ from other machines; run chrony or similar
                """
            )
    }

    private mutating func memory() {
        let line =
            (Self.text("/proc/meminfo") ?? "").split(separator: "\n")
            .first { $0.hasPrefix("MemAvailable:") } ?? ""
        let available = (Int(line.filter(\.isNumber)) ?? 0) >> 10
        let count = max(configuration.monitor.interfaces.count, 1)
        let rings = (count * configuration.monitor.capture.bufferSize) >> 20
        available < rings + 512
            ? add(
                .warning, "memory",
                """
                \(available) MB available, \(rings) MB of it for the kernel's rings; a busy node \
                needs 1 GB (docs/performance.md)
                """
            )
            : add(
                .ok, "memory",
                "\(available) MB available, \(rings) MB of it for the kernel's rings")
    }
}
