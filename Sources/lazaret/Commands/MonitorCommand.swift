import AnomalyDetection
import ArgumentParser
import ControlServer
import Enforcement
import FoundationEssentials
import ModelFiles
import Monitor
import PacketCapture
import Quarantine
import Settings
import SystemSupport
import TextFormats
import Workloads

/// Watches interfaces, and fences offenders where that is asked for.
struct MonitorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitor",
        abstract: "Judge live traffic by a model, and fence offenders with --enforce.",
        discussion: """
            Watch every bridge of the gateway and its way out: a packet that is forwarded is counted once. \
            '-i containers' is every bridge of a container network, as they come and go. \
            Without --enforce everything happens but the fence itself. SIGINT and SIGTERM end it, and fences \
            stay until their time is over; SIGHUP takes in configuration, model and feedback, and opens the \
            event file anew; SIGUSR1 prints counters.
            """)

    @OptionGroup var file: ConfigurationInput
    @OptionGroup(title: "Packets") var capture: CaptureOptionGroup
    @OptionGroup var inventory: InventoryInput

    @Option(
        name: [.short, .long],
        help: "Model made by 'lazaret train'; without one the node learns its own first.")
    var model: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long to learn where there is no model; 24h unless configured.", valueName: "time"))
    var learn: String?

    @Option(
        help: ArgumentHelp(
            "Unix socket that answers 'lazaret status' and probes, or never; /run/lazaret/control.sock unless configured.",
            valueName: "path"))
    var socket: String?

    @Flag(help: "Fence offenders in the kernel; without it they are only told of.")
    var enforce = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Follow slow changes: every so often (24h) make a model of what raised nothing, within narrow bounds around the one that was given. Kept in the state directory.",
            valueName: "time"))
    var retrain: String?

    @Option(
        name: .customLong("state"),
        help: ArgumentHelp(
            "Directory of the ledger; /var/lib/lazaret unless configured.", valueName: "dir"))
    var state: String?

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "Where events go, one JSON object a line; - is standard output, which is the default.",
            valueName: "file"))
    var output: String?

    @Option(
        name: [.customShort("w"), .customLong("write")],
        help: ArgumentHelp(
            "Keep the packets in a pcapng file, with the names of workloads; old files become FILE.1, FILE.2 and so on.",
            valueName: "file"))
    var write: String?

    @Option(
        help: ArgumentHelp(
            "Become this user at the start, with CAP_NET_RAW and CAP_NET_ADMIN and nothing else of root.",
            valueName: "name"))
    var user: String?

    func validate() throws {
        guard capture.files.isEmpty else {
            throw ValidationError("-r: captures are judged by 'lazaret replay'")
        }
        if let learn, (TimeSpan(learn)?.seconds ?? 0) < 1 {
            throw ValidationError("--learn '\(learn)': give a time such as 24h")
        }
        if let retrain, (TimeSpan(retrain)?.seconds ?? 0) < 1 {
            throw ValidationError("--retrain '\(retrain)': give a time such as 24h")
        }
    }

    /// The configuration, with what the command line says instead.
    private func settings() throws -> Configuration {
        var settings = try file.read()
        if !capture.interfaces.isEmpty { settings.monitor.interfaces = capture.interfaces }
        let interfaces = settings.monitor.interfaces
        guard !interfaces.isEmpty else {
            throw ValidationError("no packets; name an interface with -i")
        }
        guard Set(capture.interfaces).count == capture.interfaces.count else {
            throw ValidationError("an interface is named twice")
        }
        if write == "-" { throw ValidationError("-w -: packets are kept in a file; name one") }
        settings.model = model ?? settings.model
        settings.inventory = inventory.path ?? settings.inventory
        capture.apply(to: &settings.monitor.capture)
        settings.monitor.isEnforcing = enforce || settings.monitor.isEnforcing
        settings.monitor.stateDirectory = state ?? settings.monitor.stateDirectory
        settings.monitor.output = output ?? settings.monitor.output
        settings.monitor.recording.path = write ?? settings.monitor.recording.path
        if let retrain {
            settings.monitor.retrainSeconds = TimeSpan(retrain).map { Int($0.seconds) }
        }
        if let learn, let span = TimeSpan(learn) {
            settings.monitor.learnSeconds = Int(span.seconds)
        }
        if let socket { settings.control.socket = socket == "never" ? nil : socket }
        settings.monitor.controlSocket = settings.control.socket
        settings.user = user ?? settings.user
        let said: [(String, String, Bool)] = [
            ("model", "-m", model != nil), ("inventory", "--inventory", inventory.path != nil),
            ("state", "--state", state != nil), ("events", "-o", output != nil),
            ("record.file", "-w", write != nil), ("user", "--user", user != nil),
            ("control.socket", "--socket", socket != nil),
        ]
        for (key, option, isSaid) in said where isSaid { settings.options[key] = option }
        settings.monitor.discovery.environment = ProcessInfo.processInfo.environment
        settings.monitor.workloads.environment = ProcessInfo.processInfo.environment
        return settings
    }

    func run() throws {
        let settings = try settings()
        // Before there is a second thread, and before anything is read but the configuration.
        if let user = settings.user {
            try settings.checkUser()
            try Privileges.drop(
                to: user, state: settings.monitor.stateDirectory, events: settings.monitor.output,
                socket: settings.control.socket)
        } else if let owner = FileOwner.other(of: settings.monitor.stateDirectory) {
            // Root would follow that user's links, and leave files that the user cannot write.
            throw IOError.output(
                path: settings.monitor.stateDirectory,
                reason: "belongs to user \(owner); start with --user, or name another with --state")
        }
        Signals.install(reopens: true)
        let check = try check(settings)
        let board = MonitorBoard()
        board.configuration = settings.shownText
        let monitor = Monitor(
            options: settings.monitor, model: check.model, inventory: check.inventory,
            board: board)
        let server = try ControlServer(board: board, options: settings.control) { complain($0) }
        let background = BackgroundTask { try await server.run() }
        defer { background.stop() }
        do {
            try monitor.run(
                .init(
                    shouldStop: { Signals.shouldStop },
                    takeReport: { Signals.takeReport() },
                    takeReopen: { Signals.takeReopen() },
                    reload: { try reload(settings, board) }),
                tell: { complain($0) })
        } catch CaptureError.filter(let expression, let reason) {
            complain("\(CaptureError.filter(expression: expression, reason: reason))")
            throw ExitCode(2)
        }
    }

    /// - Throws: what keeps a monitor from starting with these settings.
    private func check(_ settings: Configuration) throws -> ConfigurationCheck {
        let check = ConfigurationCheck(settings)
        if !capture.filter.isEmpty, let fault = check.faults.first(where: { $0.key == "filter" }) {
            throw ValidationError(fault.reason)
        }
        try check.demand()
        return check
    }

    /// Reads the files anew, and says which changes wait for the next start.
    private func reload(
        _ old: Configuration, _ board: MonitorBoard
    ) throws -> (options: Monitor.Options, model: Model?) {
        let new = try settings()
        let check = try check(new)
        let model = try check.model ?? learntModel(new, check.inventory)
        let waiting = new.needsRestart(after: old)
        if !waiting.isEmpty {
            complain("\(waiting.joined(separator: ", ")): changed, and in use from the next start")
        }
        board.configuration = new.shownText
        return (new.monitor, model)
    }

    private func learntModel(_ settings: Configuration, _ inventory: Inventory?) throws -> Model? {
        let path = Monitor.learntModelPath(in: settings.monitor.stateDirectory)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try ModelStore.readForJudging(path, inventory: inventory)
    }
}
