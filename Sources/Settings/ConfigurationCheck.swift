public import AnomalyModel
import Recording
import AnomalyDetection
internal import EventDelivery
internal import Glibc
import IndicatorFiles
internal import ModelFiles
internal import Monitor
internal import PacketCapture
internal import Responses
import RuntimeEventFiles
internal import SystemPackage
internal import SystemSupport
public import Workloads

/// Checks a configuration on this machine before a monitor starts: `config check`, `doctor`, the
/// start itself and SIGHUP refuse the same faults with the same messages.
public struct ConfigurationCheck {
    /// A fault that prevents a monitor from starting.
    public struct Fault: Sendable {
        /// The key as written in the file, such as `control.token_file`.
        public var key: String
        /// What is wrong, and the remedy.
        public var reason: String
        /// Whether the text of the file has the fault; the reason then begins with its line.
        var isOfText = false
    }

    public private(set) var faults: [Fault] = []
    /// The configured inventory; nil: there is none, or it cannot be used.
    public private(set) var inventory: Inventory?
    /// The configured model with its feedback; nil: there is none, or it cannot be used.
    public private(set) var model: Model?
    private let configuration: Configuration

    /// Checks everything, and reads the named files.
    ///
    /// - Parameter isStart: false: a running monitor takes the configuration, and waits for
    ///   interfaces that do not exist yet.
    public init(_ configuration: Configuration, isStart: Bool = true) {
        self.configuration = configuration
        faults = configuration.earlyFaults
        checkCapture(isStart: isStart)
        checkInputs()
        checkOutputs()
        checkControl()
        faults += Self.responseFaults(configuration)
        for entry in configuration.monitor.responses {
            _ = attempt("quarantine.further_responses") { try entry.checkFiles() }
        }
        let sources = configuration.monitor.decisionSources
        for reason in DecisionSource.faults(in: sources) {
            faults.append(Fault(key: "quarantine.decisions_from", reason: reason))
        }
        for source in sources {
            _ = attempt("quarantine.decisions_from") { try source.checkFiles() }
        }
        for reason in IndicatorEntry.faults(in: configuration.monitor.indicators) {
            faults.append(Fault(key: "indicators", reason: reason))
        }
        for reason in RuntimeEventEntry.faults(in: configuration.monitor.runtimeEvents) {
            faults.append(Fault(key: "runtime_events", reason: reason))
        }
        let control = configuration.control.socket
        for entry in configuration.monitor.runtimeEvents
        where control != nil && entry.socket == control {
            let reason = "'\(entry.name)': the socket is that of 'control'; name another"
            faults.append(Fault(key: "runtime_events", reason: reason))
        }
        let notify = configuration.monitor.delivery.notify
        for reason in NotifyEntry.faults(in: notify) {
            faults.append(Fault(key: "notify", reason: reason))
        }
        for entry in notify { _ = attempt("notify") { try entry.checkFiles() } }
        // A value that could not be read has its default, which nobody has chosen.
        let unread = Set(configuration.faults.map(\.key))
        faults.removeAll { !$0.isOfText && unread.contains($0.key) }
        configuration.sort(&faults)
    }

    /// Checks the entries of further responses alone, for a preview that starts no monitor.
    public init(responsesOf configuration: Configuration) {
        self.configuration = configuration
        faults = Self.responseFaults(configuration)
    }

    private static func responseFaults(_ configuration: Configuration) -> [Fault] {
        ResponseEntry.faults(in: configuration.monitor.responses).map {
            Fault(key: "quarantine.further_responses", reason: $0)
        }
    }

    /// - Throws: all faults, each with file and key, or with the option of the command line.
    public func demand() throws {
        guard let first = faults.first else { return }
        guard faults.count > 1 else { throw configuration.error(first) }
        throw ConfigurationFaults(
            lines: faults.map { "\(configuration.error($0))" },
            isOfFile: faults.contains { $0.isOfText || configuration.options[$0.key] == nil })
    }

    private mutating func attempt<T>(_ key: String, _ body: () throws -> T) -> T? {
        do { return try body() } catch {
            faults.append(Fault(key: key, reason: "\(error)"))
            return nil
        }
    }

    private mutating func checkCapture(isStart: Bool) {
        let configuration = configuration
        let names = configuration.monitor.interfaces
        var seen: Set<String> = []
        if let twice = names.first(where: { !seen.insert($0).inserted }) {
            faults.append(Fault(key: "interfaces", reason: "\(twice) is named twice"))
        }
        for name in Set(names).sorted()
        where isStart && name != LiveWorkloads.allBridges && !LiveCapture.exists(name) {
            let reason = "\(name) does not exist; 'ip link' lists the interfaces of this machine"
            faults.append(Fault(key: "interfaces", reason: reason))
        }
        // The interface 'any' has cooked packets (v2), all others most likely Ethernet.
        let linkType: Int32 = names == ["any"] ? 276 : 1
        _ = attempt("filter") { try configuration.monitor.capture.checkFilter(linkType: linkType) }
    }

    private mutating func checkInputs() {
        let configuration = configuration
        let inventory = attempt("inventory") {
            try configuration.inventory.map { try Inventory(path: $0) }
        }
        let given = inventory ?? nil
        self.inventory = given
        let model = attempt("model") {
            try configuration.model.map { try ModelStore.readForJudging($0, inventory: given) }
        }
        self.model = model ?? nil
        if case .path(let path) = configuration.monitor.workloads.kubernetes {
            _ = attempt("workloads.kubernetes") {
                do throws(KubernetesAccessError) {
                    _ = try KubernetesAccess(kubeconfig: path)
                } catch {
                    throw IOError.input(path: error.path, reason: error.reason)
                }
            }
        }
        _ = attempt("webhook.secret_file") { try configuration.checkSecrets() }
    }

    private mutating func checkOutputs() {
        let monitor = configuration.monitor
        // A monitor that switches to another user first creates these two folders for it.
        if configuration.user == nil || geteuid() != 0 {
            if monitor.output != "-" { checkFile("events", monitor.output) }
            checkFolder("state", of: monitor.stateDirectory)
        }
        if let path = monitor.recording.path { checkFile("record.file", path) }
    }

    private mutating func checkFile(_ key: String, _ path: String) {
        if (try? Files.status(path).type) == .directory {
            faults.append(Fault(key: key, reason: "\(path): is a directory; name a file"))
        }
        checkFolder(key, of: path)
    }

    private mutating func checkFolder(_ key: String, of path: String) {
        let folder = path.parentPath
        guard !folder.isEmpty else { return }
        do { _ = try Files.status(folder) } catch .permissionDenied {
            // Without access to the folder the check is skipped.
        } catch {
            faults.append(
                Fault(
                    key: key,
                    reason: "\(path): folder \(folder) does not exist; create it or name another"))
        }
    }

    private mutating func checkControl() {
        let control = configuration.control
        for (key, names) in [
            ("control.operators", control.operators), ("control.may_force", control.overriders),
        ] {
            for name in names where ControlOptions.number(ofUser: name) == nil {
                faults.append(
                    Fault(
                        key: key,
                        reason: "user '\(name)' does not exist; create it or leave it out"))
            }
        }
        _ = attempt("control.token_file") { try control.token() }
        _ = attempt("control.read_token_file") { try control.readToken() }
        _ = attempt("control.certificate") { try control.identity() }
        if let socket = control.socket, socket.utf8.count >= 108 {
            faults.append(
                Fault(
                    key: "control.socket",
                    reason: "\(socket): too long for a Unix socket (107 bytes)"))
        }
    }
}

extension Configuration {
    /// The faults that are found without opening another file.
    fileprivate var earlyFaults: [ConfigurationCheck.Fault] {
        var found = faults
        if monitor.interfaces.isEmpty {
            found.append(
                .init(
                    key: "interfaces",
                    reason: "none is named; list the bridges and the uplink, such as "
                        + "'interfaces: [containers, eth0]', or name each with -i"))
        }
        let engines = monitor.workloads
        if monitor.interfaces.contains(LiveWorkloads.allBridges), engines.docker == .never,
            engines.podman == .never
        {
            let all = "'\(LiveWorkloads.allBridges)' stands for the bridges of Docker and Podman"
            found.append(.init(key: "interfaces", reason: "\(all), and both are 'never'"))
        }
        if let reason = userFault { found.append(.init(key: "user", reason: reason)) }
        return found
    }

    /// Checks what can be checked before a monitor switches to its user, and before it makes
    /// folders for it.
    ///
    /// - Throws: all faults of the configuration, if there is one of these.
    public func checkEarly() throws {
        if !earlyFaults.isEmpty { try ConfigurationCheck(self).demand() }
    }

    /// The fault of `user`: checked before root has switched to it.
    fileprivate var userFault: String? {
        guard let user else { return nil }
        guard let number = ControlOptions.number(ofUser: user) else {
            return
                "\(user): no such user; create it: useradd --system --no-create-home \(user)"
        }
        return number == 0 ? "\(user): is root; name another user" : nil
    }

    /// A fault in the file is a configuration error; a fault on the command line is reported with
    /// its option. What the file's text has wrong is its own fault, whatever an option replaces.
    fileprivate func error(_ fault: ConfigurationCheck.Fault) -> any Error {
        if let option = options[fault.key], !fault.isOfText {
            return IOError.input(path: option, reason: fault.reason)
        }
        let place = line(of: fault).map { "line \($0): " } ?? ""
        let reason = fault.isOfText ? fault.reason : "\(place)'\(fault.key)': \(fault.reason)"
        return ConfigurationError(path: path ?? "configuration", reason: reason)
    }
}
