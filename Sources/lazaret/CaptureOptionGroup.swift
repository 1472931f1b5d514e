import ArgumentParser
import FlowMetering
import PacketCapture
import PacketDecoding

/// Where packets come from; shared by every command that reads packets.
struct CaptureOptionGroup: ParsableArguments {
    @Option(
        name: .customShort("r"),
        help: ArgumentHelp(
            "Read a pcap or pcapng file, also gzip or zstd; - is standard input. Several are merged by time.",
            valueName: "file"))
    var files: [String] = []

    @Option(
        name: .customShort("i"),
        help: ArgumentHelp(
            "Capture live on an interface; 'any' is all. May be repeated.", valueName: "interface"))
    var interfaces: [String] = []

    @Option(
        name: [.customShort("s"), .customLong("snaplen")], parsing: .unconditional,
        help: ArgumentHelp(
            "Live: bytes of each frame that are kept. (default: 65535)", valueName: "bytes"))
    var snapLength: Int?

    @Option(
        name: [.customShort("B"), .customLong("buffer-size")], parsing: .unconditional,
        help: ArgumentHelp(
            "Live: the kernel's ring for each interface, in KiB. (default: 16384)",
            valueName: "KiB"))
    var bufferSize: Int?

    @Flag(
        name: [.customShort("p"), .customLong("no-promiscuous-mode")],
        help: "Live: leave the interface out of promiscuous mode.")
    var isNotPromiscuous = false

    @Option(
        name: [.customShort("Q"), .customLong("direction")],
        help: ArgumentHelp("Live: in, out or both. (default: both)", valueName: "direction"))
    var direction: String?

    @Argument(
        help: ArgumentHelp("Take only packets that match this BPF filter.", valueName: "filter"))
    var filter: [String] = []

    func validate() throws {
        if !files.isEmpty, !interfaces.isEmpty {
            throw ValidationError("-r and -i exclude each other; read files or capture live")
        }
        if let snapLength, !(64...262_144).contains(snapLength) {
            throw ValidationError("-s \(snapLength): a snap length is 64 to 262144 bytes")
        }
        if let bufferSize, !(64...2_000_000).contains(bufferSize) {
            throw ValidationError("-B \(bufferSize): a buffer is 64 to 2000000 KiB")
        }
        if let direction, CaptureOptions.Direction(rawValue: direction) == nil {
            throw ValidationError("-Q \(direction): a direction is in, out or both")
        }
    }

    /// The options as the capture takes them.
    var captureOptions: CaptureOptions {
        var options = CaptureOptions()
        apply(to: &options)
        return options
    }

    /// Puts what was given in the place of what `options` say.
    func apply(to options: inout CaptureOptions) {
        if let snapLength { options.snapLength = snapLength }
        if let bufferSize { options.bufferSize = bufferSize << 10 }
        if isNotPromiscuous { options.isPromiscuous = false }
        if let direction { options.direction = .init(rawValue: direction) ?? .both }
        if !filter.isEmpty { options.filter = filter.joined(separator: " ") }
    }
}

/// How flows are cut; shared by every command that meters.
struct MeterOptionGroup: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("A flow without packets for this long has ended.", valueName: "s"))
    var idleTimeout = 60.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("A longer flow is reported in intervals.", valueName: "s"))
    var activeTimeout = 1800.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("A closed TCP connection stays for late packets.", valueName: "s"))
    var tcpCloseTimeout = 5.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Flows at once; one more ends the one idle longest. About 336 bytes each.",
            valueName: "n"))
    var maxFlows = 4 << 20

    @Flag(help: "Count wrong checksums (captures from the sending host have many).")
    var verifyChecksums = false

    @Flag(help: "Meter the outermost packet of a tunnel instead of the inner one.")
    var noTunnels = false

    func validate() throws {
        for (name, value) in [
            ("--idle-timeout", idleTimeout), ("--active-timeout", activeTimeout),
            ("--tcp-close-timeout", tcpCloseTimeout),
        ] {
            guard value >= 0.001, value <= 1e8 else {
                throw ValidationError("\(name) \(value): a timeout is 0.001 to 1e8 seconds")
            }
        }
        guard (1...(1 << 28)).contains(maxFlows) else {
            throw ValidationError("--max-flows \(maxFlows): 1 to 268435456 flows can be held")
        }
    }

    /// The options as the meter takes them; a live meter gets a random hash key.
    func meterOptions(isLive: Bool) -> FlowMeterOptions {
        var options = FlowMeterOptions()
        options.idleTimeout = .milliseconds(Int64(idleTimeout * 1000))
        options.activeTimeout = .milliseconds(Int64(activeTimeout * 1000))
        options.tcpCloseTimeout = .milliseconds(Int64(tcpCloseTimeout * 1000))
        options.capacity = maxFlows
        if isLive { options.hashSeed = UInt64.random(in: 1...UInt64.max) }
        return options
    }

    var decodeOptions: PacketDecoder.Options {
        var options = PacketDecoder.Options()
        options.verifiesChecksums = verifyChecksums
        options.followsTunnels = !noTunnels
        return options
    }
}
