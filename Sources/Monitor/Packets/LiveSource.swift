internal import Recording
internal import Logging
internal import NetworkAddresses
internal import NodeInterfaces
internal import PacketCapture

/// Where a monitor's frames come from: the ports of the node's bridges, or interfaces as libpcap
/// opens them.
///
/// At ports each frame is seen once, at the port that it came by, in one order of time; that says
/// who sent it. Where no bridge is named there are no ports, and the interfaces are captured as
/// they are.
final class LiveSource {
    private enum Way {
        case ports(PortCapture)
        case interfaces(LiveCapture)
    }

    private var way: Way
    private let options: CaptureOptions
    /// As they were asked for, with the bridges of container networks where these are.
    private var named: [String]
    /// The same for all ports that this source numbers.
    let run = UInt64.random(in: 1...UInt64.max)

    /// The word that stands for every interface.
    static let everything = "any"

    /// - Parameters:
    ///   - interfaces: as they are asked for; `LiveWorkloads.allBridges` may be one of them.
    ///   - tell: called with a line where the ports cannot be had.
    /// - Throws: `.device` with what is missing, most often the right to capture.
    init(
        interfaces: [String], options: CaptureOptions, logger: Logger
    ) throws(CaptureError) {
        self.options = options
        named = interfaces.filter { $0 != LiveWorkloads.allBridges }
        var hasPorts = false
        do throws(InterfaceError) { hasPorts = try Self.havePorts(interfaces) } catch {
            logger.info("\(error); capturing without the ports of bridges")
        }
        guard hasPorts else {
            way = .interfaces(try LiveCapture(interfaces: named, options: options))
            return
        }
        do throws(CaptureError) {
            let capture = try PortCapture(selection: Self.selection(named), options: options)
            if let name = capture.missing.first {
                throw .device(name: name, operation: "open", reason: "there is no such interface")
            }
            way = .ports(capture)
        } catch {
            guard case .device(Self.everything, _, _) = error, !named.isEmpty else { throw error }
            // Where even this cannot be had, it says why.
            way = .interfaces(try LiveCapture(interfaces: named, options: options))
            logger.info(
                "\(error); capturing on bridges as a whole: cards say who sent a frame, not ports")
        }
    }

    /// Whether there are ports among what is named: a bridge, or whatever there may be.
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

    /// Whether frames say by which port they came.
    var isAtPorts: Bool {
        if case .ports = way { true } else { false }
    }

    /// Captures on these interfaces from now on; those that stay lose no frame, but where the first
    /// bridge comes: then its ports and all others are captured anew.
    func replaceInterfaces(_ names: [String]) {
        named = names
        switch way {
        case .ports(let capture): capture.selection = Self.selection(names)
        case .interfaces(let capture):
            // Where the ports cannot be had, the whole bridge is captured, as at the start.
            if (try? Self.havePorts(names)) ?? false,
                let ports = try? PortCapture(selection: Self.selection(names), options: options)
            {
                way = .ports(ports)
            } else {
                capture.replaceInterfaces(names)
            }
        }
    }

    /// Lends the frames that have come to `body`; see `LiveCapture.nextBatch`.
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

    /// Names of the interfaces that are gone and waited for.
    var missing: [String] {
        switch way {
        case .ports(let capture): capture.missing
        case .interfaces(let capture): capture.missing
        }
    }

    /// Names of the interfaces that are there and taken down: nothing comes from them.
    var down: [String] {
        switch way {
        case .ports(let capture): capture.down
        case .interfaces(let capture): capture.down
        }
    }

    var statistics: CaptureStatistics {
        switch way {
        case .ports(let capture): capture.statistics
        case .interfaces(let capture): capture.statistics
        }
    }

    /// Where a frame came by, for a recording.
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
                    isShared: !capture.isOneHost(interface)),
                run: run)
        }
    }

    /// Counts up with every change of the ports; 0 where there are none.
    var portVersion: UInt64 {
        if case .ports(let capture) = way { capture.interfaces.version } else { 0 }
    }

    /// Whether a card is one of this node's own interfaces.
    func isNodes(_ card: MACAddress) -> Bool {
        guard case .ports(let capture) = way, card != .zero else { return false }
        return capture.interfaces.interfaces.contains { $0.mac == card }
    }

    /// The interfaces where what comes in is captured, and whether one host is behind each.
    var ports: [(interface: NodeInterface, isOneHost: Bool)] {
        guard case .ports(let capture) = way else { return [] }
        return capture.interfaces.interfaces.filter { capture.isPort($0) }.map {
            ($0, capture.isOneHost($0))
        }
    }
}
