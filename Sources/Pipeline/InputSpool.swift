import Foundation

/// Captures that have to be read twice: standard input is copied to a temporary file first, which is
/// removed with the spool.
final class InputSpool {
    let paths: [String]
    private let temporary: String?

    init(_ paths: [String]) throws {
        guard paths.contains("-") else {
            self.paths = paths
            temporary = nil
            return
        }
        let path = NSTemporaryDirectory() + "lazaret-\(UUID().uuidString).pcap"
        temporary = path
        self.paths = paths.map { $0 == "-" ? path : $0 }
        guard
            FileManager.default.createFile(
                atPath: path, contents: nil, attributes: [.posixPermissions: 0o600]),
            let file = FileHandle(forWritingAtPath: path)
        else { throw PipelineError.output(path: path, reason: "cannot be created") }
        do {
            while let chunk = try FileHandle.standardInput.read(upToCount: 1 << 20), !chunk.isEmpty
            {
                try file.write(contentsOf: chunk)
            }
            try file.close()
        } catch {
            throw PipelineError.output(path: path, reason: OutputFile.reason(error))
        }
    }

    deinit {
        if let temporary { try? FileManager.default.removeItem(atPath: temporary) }
    }
}

/// Why a run could not be done.
public enum PipelineError: Error, CustomStringConvertible {
    case output(path: String, reason: String)
    case input(path: String, reason: String)
    case configuration(path: String, reason: String)

    public var description: String {
        switch self {
        case .output(let path, let reason), .input(let path, let reason),
            .configuration(let path, let reason):
            "\(path): \(reason)"
        }
    }
}
