import ArgumentParser
import EventStore
import FlowHistory
import Monitor
import NetworkAddresses
import Timestamps

/// Erases what the state directory has about an address.
struct EraseCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "erase",
        abstract: "Erase flows, events, incidents and ended rules that name an address.",
        discussion: """
            The monitor of the state directory has to be stopped. Active rules and the audit trail \
            stay: the trail is a chain of hashes, and is deleted by its size. Event files, \
            recordings and models are files of their own; docs/privacy.md lists them.
            """)

    @Argument(help: ArgumentHelp("An IPv4 or IPv6 address.", valueName: "address"))
    var text: String
    @OptionGroup var state: QuarantineCommand.State

    private var address: IPAddress? { IPAddress(text) }

    func validate() throws {
        guard address != nil else { throw ValidationError("'\(text)' is no IP address") }
    }

    func run() throws {
        guard let address else { return }
        let directory = try AuditCommand.enter(state)
        let lock = try MonitorLock(directory: directory, socket: nil)
        defer { lock.release() }
        let flows = try HistoryEraser(directory: directory).erase(address)
        let found = try EventStore(directory: directory).erase(
            address, actor: Operator.name, now: Clock.now())
        var text = "erased: \(flows) flows, \(found.events) events and incidents, "
        text += "\(found.rules) ended rules\n"
        if found.activeRules > 0 {
            text +=
                "\(found.activeRules) active rules stay; 'lazaret quarantine release' ends them\n"
        }
        if found.auditRecords > 0 {
            text += "\(found.auditRecords) records of the audit trail name it, and stay\n"
        }
        try Output.write(text, to: nil)
    }
}
