internal import SystemPackage
internal import SystemSupport

/// A Unix socket to which programs write lines: many at a time, each for as long as it likes.
///
/// Nothing here waits: what has come is read at each call, and a client that writes more is held
/// up by its own socket.
public final class EventSocket {
    /// The most clients at a time.
    static let mostClients = 64
    /// The most bytes of one call of `read`, of all clients and of one.
    static let mostBytes = 1 << 20
    private static let chunk = 64 << 10

    private final class Client {
        let file: OpenFile
        var lines = LineBuffer()

        init(_ file: consuming OpenFile) { self.file = file }
    }

    public let path: String
    /// Why nothing is taken; nil: programs can connect.
    public private(set) var trouble: String?
    /// Clients that were sent away, since there were too many.
    public private(set) var refused: UInt64 = 0
    public var reader: RuntimeEventReader
    private var listener: UnixListener?
    private var clients: [Client] = []

    public init(path: String, reader: RuntimeEventReader) {
        self.path = path
        self.reader = reader
    }

    /// Takes who has connected, and reads what is new.
    public func read() -> [ReportedEvent] {
        listen()
        accept()
        guard !clients.isEmpty else { return [] }
        // One that writes without end leaves the others their part.
        let share = max(Self.mostBytes / clients.count, 1)
        var events: [ReportedEvent] = []
        var buffer = [UInt8](repeating: 0, count: Self.chunk)
        clients.removeAll { client in
            var total = 0
            while total < share {
                do throws(Errno) {
                    let count = try client.file.read(into: &buffer)
                    guard count > 0 else {
                        // The last line of `printf '{…}' | nc -U` has no end.
                        events += client.lines.end(&reader)
                        return true
                    }
                    total += count
                    events += client.lines.add(buffer[..<count], &reader)
                } catch {
                    if error == .interrupted { continue }
                    guard error != .wouldBlock else { return false }
                    client.lines.cut(&reader)
                    return true
                }
            }
            return false
        }
        return events
    }

    private func listen() {
        // Somebody has removed or replaced the file: new clients would not come here.
        if listener?.isInPlace != true { listener = nil }
        guard listener == nil else { return }
        do throws(Errno) {
            listener = try UnixListener(path)
            trouble = nil
        } catch {
            trouble =
                switch error {
                case .addressInUse:
                    "\(path): another program listens there; give each a path of its own"
                case .notSocket: "\(path): is there and is no socket; it is not replaced"
                case .noSuchFileOrDirectory: "\(path): its folder is not there"
                default: "\(path): \(error)"
                }
        }
    }

    private func accept() {
        // In a bounded time, also where clients come without end.
        for _ in 0..<2 * Self.mostClients {
            guard let file = try? listener?.accept() else { return }
            guard clients.count < Self.mostClients else {
                refused &+= 1
                continue
            }
            clients.append(Client(file))
        }
    }
}
