internal import HTTPClient
internal import SystemSupport

/// A container engine of this node.
public struct EngineAddress: Hashable, Sendable {
    /// `docker` or `podman`.
    public var name: String
    /// The path of its Unix socket.
    public var path: String
    /// Whether the configuration names it; otherwise it is used if it is there.
    public var isNamed: Bool

    public init(name: String, path: String, isNamed: Bool) {
        self.name = name
        self.path = path
        self.isNamed = isNamed
    }

    /// Whether it can be asked: an engine that nobody named need not exist.
    package var isExpected: Bool { isNamed || Files.exists(path) }
}

/// Requests to an engine.
enum EngineConnection {
    /// - Parameter path: of the engine's socket.
    static func to(_ path: String) -> APIConnection {
        APIConnection(base: "http://lazaret", socket: path, name: path)
    }

    /// Text of an engine for a log line and the audit trail.
    static func clean(_ text: String, limit: Int = 200) -> String {
        String(
            text.unicodeScalars.prefix(limit).map {
                $0.value < 0x20 || $0.value >= 0x7F ? "?" : Character($0)
            })
    }

    /// Whether `text` is a name as engines allow it, which needs no escape in a URL.
    static func isName(_ text: String) -> Bool {
        (1...255).contains(text.utf8.count) && text.utf8.first != 0x2E && text.utf8.first != 0x2D
            && text.utf8.allSatisfy {
                $0 >= 0x30 && $0 <= 0x39 || $0 >= 0x41 && $0 <= 0x5A || $0 >= 0x61 && $0 <= 0x7A
                    || $0 == 0x5F || $0 == 0x2E || $0 == 0x2D
            }
    }

    /// Whether `text` can be an engine's identifier of a container or network.
    static func isIdentifier(_ text: String) -> Bool {
        (12...128).contains(text.utf8.count)
            && text.utf8.allSatisfy { $0 >= 0x30 && $0 <= 0x39 || $0 >= 0x61 && $0 <= 0x66 }
    }
}
