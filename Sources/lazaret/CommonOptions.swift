import ArgumentParser
import Workloads

/// Which captures to read, for every command that reads them.
struct CaptureInput: ParsableArguments {
    @Option(
        name: [.customShort("r"), .customLong("read")], parsing: .singleValue,
        help: ArgumentHelp(
            "Capture to read: pcap or pcapng, also gzip or zstd; '-' is standard input. Repeatable: merged by time.",
            valueName: "file"))
    var files: [String] = []

    @Argument(help: "BPF filter, as for tcpdump (pcap-filter(7)).")
    var bpf: [String] = []

    var filter: String { bpf.joined(separator: " ") }

    func validate() throws {
        guard !files.isEmpty else { throw ValidationError("name a capture with -r FILE") }
        guard files.count(where: { $0 == "-" }) <= 1 else {
            throw ValidationError("standard input can be read once: '-r -' is given twice")
        }
    }
}

/// Which alert, for every command that is about one.
struct AlertInput: ParsableArguments {
    @Argument(help: ArgumentHelp("The alert's event_id.", valueName: "event"))
    var eventID: String?

    @Option(help: ArgumentHelp("EVE file that holds the alert.", valueName: "file"))
    var events: String?

    static let noFile = ValidationError("name the file that holds the alert with --events")
}

/// Who is who.
struct InventoryInput: ParsableArguments {
    @Option(
        name: .customLong("inventory"),
        help: ArgumentHelp(
            "YAML or JSON file that names workloads and networks; a model remembers the one it was trained with.",
            valueName: "file"))
    var path: String?

    func read() throws -> Inventory? { try path.map(Self.read) }

    static func read(_ path: String) throws -> Inventory { try Inventory(path: path) }
}
