import ArgumentParser
import PacketCapture

/// The source of packets, shared by every command that reads packets.
struct CaptureOptionGroup: ParsableArguments {
    @Option(
        name: .customShort("r"),
        help: ArgumentHelp(
            """
            Read a pcap or pcapng file, also gzip or zstd; - is standard input. Several are merged \
            by time.
            """,
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
            "Live: captured bytes of each frame. (default: 65535)", valueName: "bytes"))
    var snapLength: Int?

    @Option(
        name: [.customShort("B"), .customLong("buffer-size")], parsing: .unconditional,
        help: ArgumentHelp(
            "Live: kernel ring buffer for each interface, in KiB. (default: 16384)",
            valueName: "KiB"))
    var bufferSize: Int?

    @Flag(
        name: [.customShort("p"), .customLong("no-promiscuous-mode")],
        help: "Live: do not put the interface into promiscuous mode.")
    var isNotPromiscuous = false

    @Option(
        name: [.customShort("Q"), .customLong("direction")],
        help: ArgumentHelp("Live: in, out or both. (default: both)", valueName: "direction"))
    var direction: String?

    @Argument(
        help: ArgumentHelp("BPF filter: read only packets that match.", valueName: "filter"))
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

    /// The options for the capture.
    var captureOptions: CaptureOptions {
        var options = CaptureOptions()
        apply(to: &options)
        return options
    }

    /// Replaces the values in `options` by those given on the command line.
    func apply(to options: inout CaptureOptions) {
        if let snapLength { options.snapLength = snapLength }
        if let bufferSize { options.bufferSize = bufferSize << 10 }
        if isNotPromiscuous { options.isPromiscuous = false }
        if let direction { options.direction = .init(rawValue: direction) ?? .both }
        if !filter.isEmpty { options.filter = filter.joined(separator: " ") }
    }
}
