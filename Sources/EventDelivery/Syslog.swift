internal import Events
internal import Glibc
internal import SystemPackage
internal import SystemSupport
internal import TextFormats

/// Sends events as syslog messages (RFC 5424) with the JSON as the message.
struct Syslog: SinkDriver {
    private let options: SyslogOptions
    private let facility: Int
    private let host: String
    private var socket: Descriptor?

    /// The longest UDP datagram; longer messages are dropped.
    private static let longest = 65_507

    /// - Throws: if the facility is unknown.
    init(_ options: SyslogOptions) throws(DeliveryError) {
        guard let facility = SyslogOptions.facilities.firstIndex(of: options.facility) else {
            throw DeliveryError(
                sink: "syslog",
                reason: "'\(options.facility)' is no facility; local0 to local7 are for this")
        }
        self.options = options
        self.facility = facility
        host = HostName.text
    }

    static func name(_ options: SyslogOptions) -> String { "syslog \(options.address)" }

    mutating func deliver(
        _ events: ArraySlice<QueuedEvent>, _ statistics: SinkStatistics
    ) -> Delivery {
        var delivery = Delivery()
        if case .tcp = options.address, let open = socket, Sockets.isClosed(open) { socket = nil }
        for event in events {
            do throws(DeliveryError) {
                let isSent = try send(message(event))
                statistics.change { isSent ? ($0.written += 1) : ($0.dropped += 1) }
                delivery.settled += 1
            } catch {
                socket = nil
                delivery.trouble = error.reason
                break
            }
        }
        return delivery
    }

    /// - Returns: false if the message is too long for this transport.
    private mutating func send(_ message: [UInt8]) throws(DeliveryError) -> Bool {
        var bytes = message
        if case .tcp = options.address { bytes = Array("\(message.count) ".utf8) + message }
        if case .udp = options.address, bytes.count > Self.longest { return false }
        let open: Descriptor
        if let socket { open = socket } else { open = try connect() }
        socket = open
        guard let failure = Sockets.send(bytes, by: open) else { return true }
        if failure == .messageTooLong { return false }
        throw DeliveryError(sink: Self.name(options), reason: "\(failure)")
    }

    private func connect() throws(DeliveryError) -> Descriptor {
        do throws(IOError) {
            return switch options.address {
            case .unix(let path): try Sockets.unixDatagram(path)
            case .udp(let host, let port): try Sockets.internet(host, port, isStream: false)
            case .tcp(let host, let port): try Sockets.internet(host, port, isStream: true)
            }
        } catch { throw DeliveryError(error) }
    }

    private func message(_ event: QueuedEvent) -> [UInt8] {
        let priority = facility * 8 + Self.severity(event.event.severity)
        // RFC 3339 requires a colon in the zone, or the letter Z.
        let time = UTC.timestamp(event.event.time).dropLast("+0000".count)
        let text =
            "<\(priority)>1 \(time)Z \(host) lazaret \(getpid()) \(event.event.kind.rawValue) - "
            + event.line
        return Array(text.utf8)
    }

    /// Severities of RFC 5424: 2 critical, 4 warning, 5 notice, 6 informational.
    private static func severity(_ severity: Event.Severity) -> Int {
        switch severity {
        case .high: 2
        case .medium: 4
        case .low: 5
        case .informational: 6
        }
    }
}
