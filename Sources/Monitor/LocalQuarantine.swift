public import Enforcement
internal import Decisions
internal import EventStore
internal import FoundationEssentials
internal import Glibc
import ProtectedAddresses
internal import SystemPackage
public import Quarantine
package import Responses
internal import SystemSupport
public import Timestamps
package import Workloads

/// The quarantine for a command that runs without a monitor: it opens the ledger and the kernel's
/// tables itself.
public struct LocalQuarantine {
    private let directory: String
    private let options: Monitor.Options

    /// - Parameters:
    ///   - directory: the directory of the ledger.
    ///   - options: the protected addresses and kept services of the configuration.
    public init(directory: String, options: Monitor.Options) {
        self.directory = directory
        self.options = options
    }

    /// Opens the ledger and the kernel's tables, and reconciles them.
    ///
    /// - Parameters:
    ///   - actor: the caller, for the audit trail.
    /// - Throws: `.ledger`; `.notPermitted` without CAP_NET_ADMIN.
    public func engine(
        now: Timestamp, actor: String
    ) throws(QuarantineError) -> QuarantineEngine<Firewall> {
        var engine = try opened()
        try engine.followClock(startedAt: ClockStepDetector(now: now).start, now: now, actor: actor)
        _ = try engine.reconcile(now: now, cause: "command line", actor: actor)
        return engine
    }

    private func opened() throws(QuarantineError) -> QuarantineEngine<Firewall> {
        var discovery = ProtectedDiscovery()
        discovery.named = options.discovery.named
        discovery.environment = ProcessInfo.processInfo.environment
        var policy = QuarantinePolicy(options: options.policy)
        var protection = ProtectionSources(policy, discovery)
        var firewall = FirewallOptions()
        firewall.keptNeighbours = try protection.refresh()
        firewall.kept = options.policy.kept
        firewall.limitPacketsPerSecond = options.policy.limitPacketsPerSecond
        firewall.protectedConnectionsPerSecond = options.policy.protectedConnectionsPerSecond
        policy.protected = protection.all
        let store: EventStore
        do {
            try FileOwner.become(ownerOf: directory)
            store = try EventStore(directory: directory)
        } catch { throw .ledger("\(error)") }
        return QuarantineEngine(
            policy: policy, ledger: store, actuator: try Firewall(firewall))
    }

    /// The limits that hold for responses to a new fence. Without the right to read routes, only
    /// the configured addresses are protected.
    package func situation(inventory: Inventory) -> ResponseSituation {
        var discovery = ProtectedDiscovery()
        discovery.named = options.discovery.named
        discovery.environment = ProcessInfo.processInfo.environment
        let known = KnownInventory(inventory)
        var protection = ProtectionSources(
            QuarantinePolicy(options: options.policy, inventory: known), discovery)
        _ = try? protection.refresh()
        return ResponseSituation(
            rules: [], isActing: true, protected: protection.all, allowlist: options.allowlist,
            inventory: known)
    }

    /// The active rules. Listing creates no ledger: without one, only the kernel's tables are read.
    public func list(now: Timestamp) throws(QuarantineError) -> RuleListing {
        do { try Files.checkAccess(directory + "/lazaret.db", F_OK) } catch .noSuchFileOrDirectory {
            var firewall = try Firewall()
            return RuleListing(unknown: try firewall.elements())
        } catch {
            // The store reports what is wrong.
        }
        var engine = try opened()
        return try engine.list(now: now)
    }

    /// The address of a state directory's monitor, from the monitor's note there; nil where there
    /// is none.
    ///
    /// The directory may belong to another user: a link, a pipe or a long file in place of the note
    /// is ignored.
    public static func socket(ofMonitorIn directory: String) -> String? {
        let path = MonitorLock.path(in: directory)
        let bytes = try? Files.readPlain(path, limit: 4096)
        guard let text = bytes.map({ String(decoding: $0, as: UTF8.self) }) else { return nil }
        return text.split(separator: "\n").first.map(String.init)
    }
}
