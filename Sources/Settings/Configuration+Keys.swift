import EventDelivery
import Enforcement
import FlowHistory
import ImageReports
import IndicatorFiles
import Logging
import Monitor
import NetworkAddresses
import PacketCapture
import ProtectedAddresses
import Quarantine
import Recording
import Responses
import RuntimeEventFiles
import RuntimeEvents
import SystemSupport
import Timestamps
import Workloads

/// All keys of the file, in the order in which `config dump` writes them. `config/lazaret.yaml`
/// documents them.
extension Configuration {
    static let keys: [SettingKey<Configuration>] = [
        .value("interfaces", \.monitor.interfaces, .list(.text)),
        .value("filter", \.monitor.capture.filter, .text, needsRestart: true),
        .section("capture", \.monitor, captureKeys, needsRestart: true),
        .section("record", \.monitor.recording, recordingKeys, needsRestart: true),
        .section("limits", \.monitor.limits, limitKeys, needsRestart: true),
        .value("model", \.model, .optional(.text)),
        .value("inventory", \.inventory, .optional(.text), needsRestart: true),
        .section("workloads", \.monitor.workloads, workloadKeys, needsRestart: true),
        .value("state", \.monitor.stateDirectory, .text, needsRestart: true),
        .value("user", \.user, .optional(.text), needsRestart: true),
        .value("events", \.monitor.output, .text),
        .value("event_kinds", \.monitor.delivery.fileKinds, .kinds),
        .value("log_level", \.logLevel, .word),
        .value(
            "rotate", \.monitor.delivery.rotation,
            .never(or: .mapping(rotationKeys, from: DeliveryOptions.Rotation()))),
        .section("syslog", \.syslog, syslogKeys, shorthand: "to"),
        .section("webhook", \.webhook, webhookKeys),
        .records("notify", \.monitor.delivery.notify, notifyKeys, from: NotifyEntry()),
        .value(
            "statistics", \.monitor.statisticsInterval, .span(1...86_400), needsRestart: true),
        .value("enforce", \.monitor.isEnforcing, .flag, needsRestart: true),
        .value("learn", \.monitor.learningTime, .span(10...31_536_000), needsRestart: true),
        .value(
            "retrain", \.monitor.retrainInterval, .never(or: .span(60...31_536_000)),
            needsRestart: true),
        .section("keep", \.monitor, keepKeys, needsRestart: true),
        .section("history", \.monitor.history, historyKeys, needsRestart: true),
        .records(
            "indicators", \.monitor.indicators,
            [
                .value("name", \.name, .text, isRequired: true),
                .value("path", \.path, .text, isRequired: true),
                .value("max_age", \.maximumAge, .span(60...34_560_000)),
                .value("confidence", \.confidence, .number(1...100)),
            ], from: IndicatorEntry(name: "", path: "")),
        .section("image_reports", \.monitor.imageReports, imageReportKeys) { $0.fault },
        .records(
            "runtime_events", \.monitor.runtimeEvents,
            [
                .value("name", \.name, .text, isRequired: true),
                .value("path", \.path, .optional(.text)),
                .value("socket", \.socket, .optional(.text)),
                .value("priority", \.priority, .word),
                .value("least", \.least, .word),
                .value("arguments", \.keepsArguments, .flag),
            ], from: RuntimeEventEntry()),
        .section(
            "runtime_prior", \.monitor.runtimePrior,
            [
                .value("for", \.duration, .span(60...3600)),
                .value("priority", \.least, .word),
                .value("factor", \.factor, .number(1...10)),
            ], needsRestart: true),
        .section(
            "metrics", \.monitor, [.value("workloads", \.labelsWorkloads, .flag)],
            needsRestart: true),
        .section("control", \.control, controlKeys, needsRestart: true) { $0.fault },
        .section("quarantine", \.monitor, quarantineKeys),
        .records(
            "protected", \.monitor.discovery.named,
            [
                .value("prefix", \.prefix, .prefix, isRequired: true),
                .value("reason", \.reason, .text, isRequired: true),
            ], from: ProtectedSet.Entry(noPrefix, reason: "")),
        .records(
            "allow", \.monitor.allowlist,
            [
                .value("prefix", \.prefix, .prefix, isRequired: true),
                .value("reason", \.reason, .text, isRequired: true),
                .value("until", \.expires, .optional(.time)),
            ], from: AllowEntry(noPrefix, reason: "")),
        .records(
            "kept", \.monitor.policy.kept,
            [
                .value("name", \.name, .text, isRequired: true),
                .value("address", \.address, .address, isRequired: true),
                .value("port", \.port, .optional(.port)),
            ], from: KeptService(name: "", address: .unspecified), needsRestart: true),
    ]

    /// A placeholder for a prefix that every entry must have.
    private static let noPrefix = IPPrefix(host: .unspecified)

    private static let captureKeys: [SettingKey<Monitor.Options>] = [
        .value("snap_length", \.capture.snapLength, .number(64...262_144)),
        .value("buffer_kib", \.capture.bufferSize, .number(64...2_000_000, unit: 1 << 10)),
        .value("promiscuous", \.capture.isPromiscuous, .flag),
        .value("threads", \.captureThreads, .number(1...2)),
    ]

    private static let recordingKeys: [SettingKey<RecordingOptions>] = [
        .value("file", \.path, .optional(.text)),
        .value("size", \.size, .bytes((4 << 20)...(1 << 44))),
        .value("keep", \.kept, .number(1...1000)),
    ]

    private static let limitKeys: [SettingKey<ResourceLimits>] = [
        .value("memory", \.memory, .bytes(ResourceLimits.memoryRange)),
        .value("cpu", \.cores, .never(or: .cores)),
    ]

    private static let workloadKeys: [SettingKey<WorkloadOptions>] = [
        .value("docker", \.docker, .choice),
        .value("podman", \.podman, .choice),
        .value("kubernetes", \.kubernetes, .choice),
        .value("name_label", \.naming.nameLabel, .optional(.text)),
        .value("labels", \.naming.labels, .list(.text)),
    ]

    private static let keepKeys: [SettingKey<Monitor.Options>] = [
        .value("age", \.keepTime, .span(60...31_536_000)),
        .value("mib", \.keepBytes, .number(1...1_000_000, unit: 1 << 20)),
    ]

    private static let historyKeys: [SettingKey<HistoryOptions>] = [
        .value("age", \.age, .never(or: .span(60...31_536_000))),
        .value("size", \.bytes, .bytes((16 << 20)...(1 << 44))),
    ]

    private static let imageReportKeys: [SettingKey<ImageReportOptions>] = [
        .value("paths", \.paths, .list(.text)),
        .value("known_exploited", \.knownExploited, .optional(.text)),
        .value("epss", \.epss, .optional(.text)),
        .value("max_age", \.maximumAge, .span(3600...34_560_000)),
    ]

    private static let controlKeys: [SettingKey<ControlOptions>] = [
        .value("socket", \.socket, .never(or: .text)),
        .value("port", \.port, .optional(.number(1...65_535))),
        .value("listen", \.address, .address),
        .value("token_file", \.tokenFile, .optional(.text)),
        .value("read_token_file", \.readTokenFile, .optional(.text)),
        .value("certificate", \.certificateFile, .optional(.text)),
        .value("key", \.keyFile, .optional(.text)),
        .value("operators", \.operators, .list(.text)),
        .value("may_force", \.overriders, .list(.text)),
    ]

    private static let quarantineKeys: [SettingKey<Monitor.Options>] = [
        .value("windows_in_row", \.policy.persistenceWindows, .number(1...1000)),
        .value("far_beyond", \.policy.farBeyondShare, .never(or: .share)),
        .value("durations", \.policy.durations, .list(.span(1...34_560_000), mayBeEmpty: false)),
        .value("forgiven_after", \.policy.decay, .span()),
        .value("most_at_a_time", \.policy.maximumActive, .number(0...65_536)),
        .value("most_of_workloads", \.policy.maximumShareOfWorkloads, .share),
        .value("breaker", \.policy.breaker, .span()),
        .value("warm_up", \.policy.warmUp, .span()),
        .value("responses", \.policy.actions, .list(.response)),
        .value("limit", \.policy.limitPacketsPerSecond, .number(1...1_000_000_000)),
        .value(
            "protect_targets", \.policy.protectedConnectionsPerSecond,
            .never(or: .number(1...1_000_000_000))),
        .value("release_grace", \.policy.releaseGrace, .span()),
        .value("flush_connections", \.flushesConnections, .flag),
        .section("subnets", \.policy, subnetKeys),
        .records("further_responses", \.responses, responseKeys, from: ResponseEntry()),
        .records("decisions_from", \.decisionSources, decisionKeys, from: DecisionSource()),
    ]

    private static let decisionKeys: [SettingKey<DecisionSource>] = [
        .value("name", \.name, .text, isRequired: true),
        .value("url", \.url, .text, isRequired: true),
        .value("key_file", \.keyFile, .text, isRequired: true),
        .value("ca_file", \.authoritiesFile, .optional(.text)),
        .value("origins", \.origins, .list(.text)),
        .value("interval", \.interval, .span(1...3600)),
        .value("most", \.most, .number(1...20_000)),
        .value("longest", \.longest, .span(60...2_592_000)),
    ]

    private static let responseKeys: [SettingKey<ResponseEntry>] = [
        .value("name", \.name, .text, isRequired: true),
        .value("action", \.action, .word, isRequired: true),
        .value("after", \.delay, .span(0...31_536_000)),
        .value("workloads", \.workloads, .list(.text)),
        .value("most", \.most, .optional(.number(1...10_000))),
        .value("grace", \.grace, .optional(.span(0...600))),
        .value("commit", \.commits, .optional(.flag)),
        .value("keep", \.kept, .optional(.number(1...1000))),
        .value("timeout", \.timeout, .optional(.span(1...600))),
        .value("apply", \.apply, .optional(.mapping(stepKeys, from: RequestStep()))),
        .value("verify", \.verify, .optional(.mapping(stepKeys, from: RequestStep()))),
        .value("undo", \.undo, .optional(.mapping(stepKeys, from: RequestStep()))),
        .value("content", \.content, .optional(.word)),
        .value("capture", \.capture, .optional(.text)),
        .value("headers_file", \.headersFile, .optional(.text)),
        .value("ca_file", \.authoritiesFile, .optional(.text)),
        .value("program", \.program, .optional(.text)),
        .value("arguments", \.arguments, .list(.text)),
        .value("user", \.user, .optional(.text)),
        .value("verifies", \.verifies, .optional(.flag)),
        .value("interfaces", \.interfaces, .list(.text)),
        .value("networks", \.networks, .optional(.flag)),
        .value("keep_dns", \.keepsDNS, .optional(.flag)),
        .value("keep_hosts", \.keptHosts, .list(.prefix)),
        .value("replace", \.replaces, .optional(.flag)),
        .value("binding", \.binding, .optional(.text)),
        .value("network", \.network, .optional(.text)),
        .value("url", \.url, .optional(.text)),
        .value("machine", \.machine, .optional(.text)),
        .value("password_file", \.passwordFile, .optional(.text)),
        .value("private", \.sharesPrivate, .optional(.flag)),
    ]

    private static let stepKeys: [SettingKey<RequestStep>] = [
        .value("method", \.method, .text),
        .value("url", \.url, .text, isRequired: true),
        .value("body", \.body, .optional(.text)),
        .value("contains", \.contains, .optional(.text)),
    ]

    private static let subnetKeys: [SettingKey<QuarantinePolicyOptions>] = [
        .value("fenced", \.fencesSubnets, .flag),
        .value("least", \.subnetMinimum, .number(2...65_536)),
        .value("share", \.subnetShare, .share),
        .value("within", \.subnetSpan, .span()),
    ]
}
