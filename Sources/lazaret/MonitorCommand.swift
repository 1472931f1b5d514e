import ArgumentParser
import Foundation
import PacketCapture
import Pipeline
import Quarantine

/// Watches interfaces, and fences offenders where that is asked for.
struct MonitorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitor",
        abstract: "Judge live traffic by a model, and fence offenders with --enforce.",
        discussion: """
            Watch every bridge of the gateway and its way out: a packet that is forwarded is counted once. \
            Without --enforce everything happens but the fence itself. SIGINT and SIGTERM end it, and fences \
            stay until their time is over; SIGHUP opens the event file anew and takes in feedback; SIGUSR1 prints \
            counters.
            """)

    @OptionGroup(title: "Packets") var capture: CaptureOptionGroup
    @OptionGroup var inventory: InventoryInput

    @Option(name: [.short, .long], help: "Model made by 'lazaret train'.")
    var model: String

    @Flag(help: "Fence offenders in the kernel; without it they are only told of.")
    var enforce = false

    @Option(
        help: ArgumentHelp(
            "Follow slow changes: every so many hours make a model of what raised nothing, within narrow bounds around the one that was given. Kept in the state directory.",
            valueName: "hours"))
    var retrain: Double?

    @Option(
        name: .customLong("state"),
        help: ArgumentHelp("Directory of the ledger.", valueName: "dir"))
    var state = "/var/lib/lazaret"

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Where events go, one JSON object a line; - is standard output.", valueName: "file"))
    var output = "-"

    func validate() throws {
        guard capture.files.isEmpty else {
            throw ValidationError("-r: captures are judged by 'lazaret replay'")
        }
        guard retrain.map({ $0 >= 0.001 && $0 <= 8760 }) ?? true else {
            throw ValidationError("--retrain: give hours, at most 8760")
        }
        guard !capture.interfaces.isEmpty else {
            throw ValidationError("no packets; name an interface with -i")
        }
        guard Set(capture.interfaces).count == capture.interfaces.count else {
            throw ValidationError("an interface is named twice")
        }
    }

    func run() throws {
        Signals.install(reopens: true)
        var options = Monitor.Options()
        options.interfaces = capture.interfaces
        options.capture = capture.captureOptions
        options.isEnforcing = enforce
        options.stateDirectory = state
        options.output = output
        options.retrainSeconds = retrain.map { Int($0 * 3600) }
        options.discovery.environment = ProcessInfo.processInfo.environment
        let given = try inventory.read()
        let monitor = Monitor(
            options: options, model: try ModelStore.readForJudging(model, inventory: given),
            inventory: given)
        let path = model
        do {
            try monitor.run(
                .init(
                    shouldStop: { Signals.shouldStop },
                    takeReport: { Signals.takeReport() },
                    takeReopen: { Signals.takeReopen() },
                    reload: { try ModelStore.readForJudging(path, inventory: given) }),
                tell: { complain($0) })
        } catch CaptureError.filter(let expression, let reason) {
            complain("\(CaptureError.filter(expression: expression, reason: reason))")
            throw ExitCode(2)
        }
    }
}
