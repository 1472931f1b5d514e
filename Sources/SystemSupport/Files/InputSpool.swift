import FoundationEssentials
internal import SystemPackage

/// Captures that may have to be read twice. Standard input and pipes are first copied to temporary
/// files, which are deleted with the spool.
public final class InputSpool {
    /// The paths of the captures, in the order of their names.
    public private(set) var paths: [String] = []
    /// The given names, by the paths of their copies.
    private var copies: [String: String] = [:]

    /// Copies the captures that can be read only once.
    ///
    /// - Throws: `.output` if there is not enough disk space.
    public init(_ names: [String]) throws {
        for name in names {
            guard Self.isPipe(name) else {
                paths.append(name)
                continue
            }
            let path =
                FileManager.default.temporaryDirectory.path
                + "/lazaret-\(UUID().uuidString).pcap"
            copies[path] = name == "-" ? "standard input" : name
            paths.append(path)
            try Self.copy(name, to: path)
        }
    }

    private static func isPipe(_ name: String) -> Bool {
        name == "-" || (try? Files.status(name).type) == .fifo
    }

    private static func copy(_ name: String, to path: String) throws(IOError) {
        do {
            let file = try OpenFile(path, .writeOnly, [.create, .exclusiveCreate])
            let source =
                name == "-"
                ? try OpenFile(copyOf: .standardInput)
                : try OpenFile(name, .readOnly, [.nonBlocking])
            var buffer = [UInt8](repeating: 0, count: 1 << 20)
            while waitForInput(source.number, shouldStop: { Interruption.isRequested }) {
                let count: Int
                do { count = try source.read(into: &buffer) } catch .wouldBlock { continue }
                if count == 0 { return }
                try file.write(buffer.span.extracting(..<count))
            }
        } catch {
            throw .output(path: path, reason: "\(error)")
        }
    }

    /// Replaces the paths of copies in `text` by the given names.
    package func named(_ text: String) -> String {
        copies.reduce(text) { $0.replacing($1.key, with: $1.value) }
    }

    deinit {
        for path in copies.keys { try? FileManager.default.removeItem(atPath: path) }
    }
}
