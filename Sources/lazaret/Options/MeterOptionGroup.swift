import ArgumentParser
import FlowMetering
import PacketDecoding
import Timestamps

/// The limits of flows, shared by every command that meters.
struct MeterOptionGroup: ParsableArguments {
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("A flow ends after this long without packets.", valueName: "s"))
    var idleTimeout = 60.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp("Report a longer flow at this interval.", valueName: "s"))
    var activeTimeout = 1800.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Keep a closed TCP connection this long for late packets.", valueName: "s"))
    var tcpCloseTimeout = 5.0

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Most flows at once; when the table is full, the longest-idle flow ends. About 336 \
            bytes each.
            """,
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

    /// The options for the meter; a live meter gets a random hash key.
    func meterOptions(isLive: Bool) -> FlowMeterOptions {
        var options = FlowMeterOptions()
        options.idleTimeout = .milliseconds(Int(idleTimeout * 1000))
        options.activeTimeout = .milliseconds(Int(activeTimeout * 1000))
        options.tcpCloseTimeout = .milliseconds(Int(tcpCloseTimeout * 1000))
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
