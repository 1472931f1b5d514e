import ArgumentParser
import Workloads

/// The inventory option.
struct InventoryInput: ParsableArguments {
    @Option(
        name: .customLong("inventory"),
        help: ArgumentHelp(
            """
            YAML or JSON file that names workloads and networks; a model stores the one it was \
            trained with.
            """,
            valueName: "file"))
    var path: String?

    func read() throws -> Inventory? { try path.map(Self.read) }

    static func read(_ path: String) throws -> Inventory { try Inventory(path: path) }
}
