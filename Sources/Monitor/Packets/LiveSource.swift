internal import Recording
internal import Logging
internal import NetworkAddresses
internal import NodeInterfaces
internal import PacketCapture

/// The source of a monitor's frames: the ports of the node's bridges, or interfaces that libpcap
/// opens.
///
/// At ports each frame is captured once, at the port that it came by, in one order of time; the
/// port is evidence of its sender. Where no bridge is named, the interfaces are captured without
/// ports.
final class LiveSource {
    private enum Way {
        case ports(PortCapture)
        case interfaces(LiveCapture)
    }

    private var way: Way
    private let options: CaptureOptions
    /// The interfaces as given, with the bridges of container networks where those were requested.
    private(set) var named: [String]
    /// The same for all ports that this source numbers.
    let run = UInt64.random(in: 1...UInt64.max)

    /// The name for all interfaces.
    static let everything = "any"

    /// - Parameters:
    ///   - interfaces: as given; `LiveWorkloads.allBridges` may be one of them.
    ///   - logger: gets a warning where the ports cannot be captured.
    /// - Throws: `.device` with the cause, most often a missing capability.
    init(
        interfaces: [String], options: CaptureOptions, logger: Logger
    ) throws(CaptureError) {
        self.options = options
        named = interfaces.filter { $0 != LiveWorkloads.allBridges }
        var hasPorts = false
        do throws(InterfaceError) { hasPorts = try Self.havePorts(interfaces) } catch {
            logger.warning("\(error); capturing without the ports of bridges")
        }
        guard hasPorts else {
            way = .interfaces(
                try LiveCapture(interfaces: named, options: options, awaitsLink: true))
            return
        }
        do throws(CaptureError) {
            let capture = try PortCapture(selection: Self.selection(named), options: options)
            if let name = capture.missing.first {
                throw .device(name: name, operation: "open", reason: "there is no such interface")
            }
            way = .ports(capture)
            if let problem = capture.translationProblem {
                logger.warning(
                    """
                    \(problem); conversations whose addresses this node translates are counted \
                    under each of their addresses
                    """)
            }
        } catch {
            guard case .device(Self.everything, _, _) = error, !named.isEmpty else { throw error }
            // Where this fails too, the error states the cause.
            way = .interfaces(
                try LiveCapture(interfaces: named, options: options, awaitsLink: true))
            logger.warning(
                """
                \(error); capturing on bridges as a whole: MAC addresses identify senders, not ports
                """)
        }
    }

    /// Whether the names include ports: a bridge, or all interfaces.
    private static func havePorts(_ names: [String]) throws(InterfaceError) -> Bool {
        let table = try InterfaceMonitor().table
        let bridges = Set(table.interfaces.filter(\.isBridge).map(\.name))
        return names.contains {
            $0 == LiveWorkloads.allBridges || $0 == everything || bridges.contains($0)
        }
    }

    private static func selection(_ names: [String]) -> PortSelection {
        var selection = PortSelection()
        let isEverything = names.contains(everything)
        selection.bridges = isEverything ? nil : []
        selection.routedPorts = isEverything
        selection.others = isEverything
        selection.interfaces = Set(names.filter { $0 != everything })
        return selection
    }

    /// Whether frames have the port that they came by.
    var isAtPorts: Bool {
        if case .ports = way { true } else { false }
    }

    /// Captures on these interfaces from now on. No frame of an interface that stays is lost,
    /// except when the first bridge is added: then the whole capture is reopened.
    func replaceInterfaces(_ names: [String]) {
        named = names
        switch way {
        case .ports(let capture): capture.selection = Self.selection(names)
        case .interfaces(let capture):
            // Where the ports cannot be captured, the whole bridge is, as at the start.
            if (try? Self.havePorts(names)) ?? false,
                let ports = try? PortCapture(selection: Self.selection(names), options: options)
            {
                way = .ports(ports)
            } else {
                capture.replaceInterfaces(names)
            }
        }
    }

    /// Passes the frames that have arrived to `body`, for the call; see `LiveCapture.nextBatch`.
    func nextBatch(
        timeoutMilliseconds: Int32, _ body: (Span<CapturedFrame>) -> Void
    ) throws(CaptureError) {
        switch way {
        case .ports(let capture):
            _ = try capture.nextBatch(timeoutMilliseconds: timeoutMilliseconds, body)
        case .interfaces(let capture):
            _ = try capture.nextBatch(timeoutMilliseconds: timeoutMilliseconds, body)
        }
    }

    /// Names of the missing interfaces that the capture waits for.
    var missing: [String] {
        switch way {
        case .ports(let capture): capture.missing
        case .interfaces(let capture): capture.missing
        }
    }

    /// Names of the interfaces that are down: no frame comes from them.
    var down: [String] {
        switch way {
        case .ports(let capture): capture.down
        case .interfaces(let capture): capture.down
        }
    }

    /// Whether no frame can arrive: no interface is watched, or none of them exists and is up.
    var isBlind: Bool {
        switch way {
        case .ports(let capture):
            return !capture.interfaces.interfaces.contains { $0.isUp && capture.isPort($0) }
        case .interfaces(let capture):
            let silent = Set(capture.missing + capture.down)
            return named.allSatisfy(silent.contains)
        }
    }

    var statistics: CaptureStatistics {
        switch way {
        case .ports(let capture): capture.statistics
        case .interfaces(let capture): capture.statistics
        }
    }

    /// The interface or port of a frame, for a recording.
    func origin(of frame: CapturedFrame) -> PacketRecording.Origin {
        switch way {
        case .interfaces(let capture): return .interface(capture.name(of: frame.source))
        case .ports(let capture):
            guard let interface = capture.interfaces.interface(port: frame.port) else {
                return .interface("")
            }
            let bridge = interface.master.flatMap { capture.interfaces[$0] }?.name
            return .port(
                RecordedPort(
                    number: frame.port, name: interface.name,
                    description: bridge.map { "port of \($0)" } ?? "",
                    isShared: !capture.isOneHost(interface),
                    addresses: capture.addresses(of: interface)),
                run: run)
        }
    }

    /// Increases with every change of the ports; 0 where there are none.
    var portVersion: UInt64 {
        if case .ports(let capture) = way { capture.interfaces.version } else { 0 }
    }

    /// The addresses of this node's interfaces; empty where there are no ports.
    var nodeAddresses: Set<IPAddress> {
        if case .ports(let capture) = way { capture.nodeAddresses } else { [] }
    }

    /// Whether a MAC address belongs to one of this node's own interfaces.
    func isNodes(_ mac: MACAddress) -> Bool {
        guard case .ports(let capture) = way, mac != .zero else { return false }
        return capture.interfaces.interfaces.contains { $0.mac == mac }
    }

    /// The interfaces whose incoming frames are captured, and whether one host is behind each.
    var ports: [(interface: NodeInterface, isOneHost: Bool)] {
        guard case .ports(let capture) = way else { return [] }
        return capture.interfaces.interfaces.filter { capture.isPort($0) }.map {
            ($0, capture.isOneHost($0))
        }
    }
}
