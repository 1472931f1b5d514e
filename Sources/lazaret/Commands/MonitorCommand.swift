import AnomalyModel
import ProtectedAddresses
import Recording
import Logging
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
import Timestamps

/// Monitors interfaces, and fences offenders if enforcing.
struct MonitorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "monitor",
        abstract: "Monitor live traffic; with --enforce, quarantine offenders.",
        discussion: """
            Name every bridge of the gateway and the uplink: a forwarded packet is counted once. \
            '-i containers' means every bridge of a container network, including later ones. \
            Without --enforce, the monitor detects and alerts but applies no fence. SIGINT and \
            SIGTERM stop \
            it; fences stay active until they expire. SIGHUP reloads configuration, model and \
            feedback, and \
            reopens the event file. SIGUSR1 prints counters.
            """)

    @OptionGroup var file: ConfigurationInput
    @OptionGroup(title: "Packets") var capture: CaptureOptionGroup
    @OptionGroup var inventory: InventoryInput

    @Option(
        name: [.short, .long],
        help: "Model made by 'lazaret train'; default: the node learns one first.")
    var model: String?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "How long to learn without a model; 24h unless configured.", valueName: "time"))
    var learn: String?

    @Option(
        help: ArgumentHelp(
            """
            Unix socket for 'lazaret status' and probes, or never; default: as configured, else \
            /run/lazaret/control.sock.
            """,
            valueName: "path"))
    var socket: String?

    @Flag(help: "Quarantine offenders with nftables; without it, alerts only.")
    var enforce = false

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Retrain at this interval (24h) on windows without alerts, within narrow bounds around \
            the given model. Kept in the state directory.
            """,
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
            "Event file, one JSON object per line; - is standard output (the default).",
            valueName: "file"))
    var output: String?

    @Option(
        name: [.customShort("w"), .customLong("write")],
        help: ArgumentHelp(
            """
            Record the packets in a pcapng file, with the names of workloads; old files become \
            FILE.1, FILE.2 and so on.
            """,
            valueName: "file"))
    var write: String?

    @Option(
        help: ArgumentHelp(
            "Switch to this user at the start, keeping only CAP_NET_RAW and CAP_NET_ADMIN.",
            valueName: "name"))
    var user: String?

    /// Two for each interface, and as many for clients as for all of the rest.
    private static let fewDescriptors = 512

    func validate() throws {
        guard capture.files.isEmpty else {
            throw ValidationError("-r: use 'lazaret replay' for captures")
        }
        if let learn, (TimeSpan(learn)?.seconds ?? 0) < LearningQuality.leastSeconds {
            throw ValidationError(
                "--learn '\(learn)': give a time such as 24h, at least "
                    + "\(LearningQuality.leastSeconds) s")
        }
        if let retrain, (TimeSpan(retrain)?.seconds ?? 0) < 1 {
            throw ValidationError("--retrain '\(retrain)': give a time such as 24h")
        }
    }

    /// The configuration, overridden by the options of the command line.
    private func settings() throws -> Configuration {
        var settings = try file.readForCheck()
        if !capture.interfaces.isEmpty { settings.monitor.interfaces = capture.interfaces }
        guard Set(capture.interfaces).count == capture.interfaces.count else {
            throw ValidationError("an interface is named twice")
        }
        if write == "-" { throw ValidationError("-w -: packets are recorded to a file; name one") }
        settings.model = model ?? settings.model
        settings.inventory = inventory.path ?? settings.inventory
        capture.apply(to: &settings.monitor.capture)
        settings.monitor.isEnforcing = enforce || settings.monitor.isEnforcing
        settings.monitor.stateDirectory = state ?? settings.monitor.stateDirectory
        settings.monitor.output = output ?? settings.monitor.output
        settings.monitor.recording.path = write ?? settings.monitor.recording.path
        if let retrain {
            settings.monitor.retrainInterval = TimeSpan(retrain)?.interval
        }
        if let learn, let span = TimeSpan(learn) {
            settings.monitor.learningTime = span.interval
        }
        if let socket { settings.control.socket = socket == "never" ? nil : socket }
        settings.monitor.controlSocket = settings.control.socket
        settings.user = user ?? settings.user
        let said: [(String, String, Bool)] = [
            ("interfaces", "-i", !capture.interfaces.isEmpty), ("model", "-m", model != nil),
            ("inventory", "--inventory", inventory.path != nil), ("state", "--state", state != nil),
            ("events", "-o", output != nil),
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
        try settings.checkEarly()
        // Privileges are dropped before there is a second thread, and before any file but the
        // configuration is read.
        if let user = settings.user {
            try Privileges.drop(
                to: user, state: settings.monitor.stateDirectory, events: settings.monitor.output,
                socket: settings.control.socket)
        } else if let owner = FileOwner.other(of: settings.monitor.stateDirectory) {
            // Root would follow that user's links, and create files that the user cannot write.
            throw IOError.output(
                path: settings.monitor.stateDirectory,
                reason: "belongs to user \(owner); start with --user, or name another with --state")
        }
        Signals.install(reopens: true)
        LogOutput.setLevel(settings.logLevel)
        let descriptors = DescriptorLimit.raise()
        if descriptors < Self.fewDescriptors {
            LogOutput.logger.warning(
                """
                only \(descriptors) files and sockets may be open at a time; allow \
                \(Self.fewDescriptors) or more: ulimit -n, LimitNOFILE=
                """)
        }
        let check = try check(settings)
        try checkCapture(settings)
        let hub = MonitorHub()
        hub.configuration = settings.shownText
        hub.modelPath = modelPath(settings)
        let monitor = Monitor(
            options: settings.monitor, model: check.model, inventory: check.inventory,
            hub: hub)
        let server = try ControlServer(
            hub: hub, options: settings.control, logger: LogOutput.logger)
        let background = BackgroundTask { await server.run() }
        defer { background.stop() }
        try monitor.run(
            .init(
                shouldStop: { Signals.shouldStop },
                takeReport: { Signals.takeReport() },
                takeReopen: { Signals.takeReopen() },
                reload: { try reload(settings, hub) }),
            logger: LogOutput.logger)
    }

    /// Before the state directory and the socket's are made.
    private func checkCapture(_ settings: Configuration) throws {
        do { try Monitor.checkCapture(settings.monitor) } catch CaptureError.filter(
            let expression, let reason)
        {
            printError("\(CaptureError.filter(expression: expression, reason: reason))")
            throw ExitCode(2)
        }
    }

    /// - Throws: the fault that prevents a monitor from starting with these settings.
    private func check(
        _ settings: Configuration, isStart: Bool = true
    ) throws -> ConfigurationCheck {
        let check = ConfigurationCheck(settings, isStart: isStart)
        if !capture.filter.isEmpty, let fault = check.faults.first(where: { $0.key == "filter" }) {
            throw ValidationError(fault.reason)
        }
        try check.demand()
        return check
    }

    /// Reloads the files and reports changes that take effect at the next start.
    private func reload(
        _ old: Configuration, _ hub: MonitorHub
    ) throws -> Monitor.Reloaded {
        let new = try settings()
        let check = try check(new, isStart: false)
        let model = try check.model ?? learnedModel(new, check.inventory)
        return Monitor.Reloaded(options: new.monitor, model: model) {
            let waiting = new.needsRestart(after: old)
            if !waiting.isEmpty {
                let names = waiting.joined(separator: ", ")
                LogOutput.logger.warning("\(names): changed, and in use from the next start")
            }
            LogOutput.setLevel(new.logLevel)
            hub.configuration = new.shownText(startedWith: old)
            hub.modelPath = modelPath(new)
        }
    }

    /// The model's file, also before a node has learned it.
    private func modelPath(_ settings: Configuration) -> String {
        let learned = Monitor.learnedModelPath(in: settings.monitor.stateDirectory)
        return (settings.model ?? learned).absolutePath
    }

    private func learnedModel(_ settings: Configuration, _ inventory: Inventory?) throws -> Model? {
        let path = Monitor.learnedModelPath(in: settings.monitor.stateDirectory)
        guard FileManager.default.fileExists(atPath: path) else { return nil }
        return try ModelStore.readForJudging(path, inventory: inventory, isLearned: true)
    }
}
