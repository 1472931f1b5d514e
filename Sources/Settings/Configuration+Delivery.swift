import EventDelivery
import Events
import FoundationEssentials
import Monitor
import TextFormats
import Workloads
import YAML
import Timestamps

/// The sinks of events: the keys `rotate`, `syslog` and `webhook`.
extension Configuration {
    mutating func readDelivery(
        _ top: [String: ConfigurationNode]
    ) throws(YAMLError) {
        var delivery = DeliveryOptions()
        if let node = top["rotate"] {
            let isNever = node.isMapping ? false : try node.isWord("never")
            if !isNever {
                var rotation = DeliveryOptions.Rotation()
                let keys = try node.mapping(["size", "keep"])
                rotation.size =
                    try keys["size"]?.bytes(65_536...(1 << 44)) ?? rotation.size
                rotation.kept = try keys["keep"]?.number(1...1000) ?? rotation.kept
                delivery.rotation = rotation
            } else {
                delivery.rotation = nil
            }
        }
        if let node = top["syslog"] { delivery.syslog = try Self.syslog(node) }
        if let node = top["webhook"] { delivery.webhook = try Self.webhook(node) }
        monitor.delivery = delivery
    }

    private static func syslog(
        _ node: ConfigurationNode
    ) throws(YAMLError) -> SyslogOptions? {
        func address(_ node: ConfigurationNode) throws(YAMLError) -> SyslogOptions.Address {
            guard let address = SyslogOptions.Address(try node.text()) else {
                throw node.expected("unix:PATH, udp:HOST:PORT or tcp:HOST:PORT")
            }
            return address
        }
        guard node.isMapping else { return SyslogOptions(try address(node)) }
        let keys = try node.mapping(["to", "facility", "kinds"])
        var options = SyslogOptions(.unix(path: "/dev/log"))
        if let node = keys["facility"] {
            options.facility = try node.word(of: SyslogOptions.facilities)
        }
        options.kinds = try kinds(keys) ?? options.kinds
        guard let to = keys["to"] else { return nil }
        options.address = try address(to)
        return options
    }

    private static func webhook(
        _ node: ConfigurationNode
    ) throws(YAMLError) -> WebhookOptions? {
        let keys = try node.mapping(["url", "secret_file", "kinds", "spool", "timeout"])
        var options = WebhookOptions(url: "")
        options.secretFile = try keys["secret_file"]?.text()
        options.kinds = try kinds(keys) ?? options.kinds
        options.spoolBytes = try keys["spool"]?.bytes((1 << 20)...(1 << 40)) ?? options.spoolBytes
        if let span = try keys["timeout"]?.span(1...300) {
            options.timeoutSeconds = span.wholeSeconds
        }
        guard let url = keys["url"] else { return nil }
        options.url = try url.text()
        guard options.isUsable else {
            throw url.fail(
                "'url' must be https://HOST/PATH, or http://…, without user and password; a "
                    + "'secret_file' signs what is sent")
        }
        return options
    }

    private static func kinds(
        _ keys: [String: ConfigurationNode]
    ) throws(YAMLError) -> Set<Event.Kind>? {
        guard let node = keys["kinds"] else { return nil }
        var kinds: Set<Event.Kind> = []
        try node.list { item throws(YAMLError) in
            let word = try item.word(of: Event.Kind.allCases.map(\.rawValue))
            if let kind = Event.Kind(rawValue: word) { kinds.insert(kind) }
        }
        return kinds
    }

    /// `text` for every user that may read from the monitor. Of the webhook's URL it contains only
    /// the host, since the path of a webhook is often a secret.
    public var shownText: String {
        var shown = self
        if let webhook = monitor.delivery.webhook, let url = URL(string: webhook.url) {
            let port = url.port.map { ":\($0)" } ?? ""
            shown.monitor.delivery.webhook?.url =
                "\(url.scheme ?? "https")://\(url.host ?? "")\(port)/***"
        }
        return shown.text
    }

    /// Checks that the configured secrets can be read.
    public func checkSecrets() throws {
        try monitor.delivery.webhook?.checkSecret()
    }

    /// These keys in the format of `text`.
    var deliveryText: [String] {
        let syslog = monitor.delivery.syslog
        let webhook = monitor.delivery.webhook
        let standard = (
            syslog: SyslogOptions(.unix(path: "/dev/log")), webhook: WebhookOptions(url: "")
        )
        func kinds(_ kinds: Set<Event.Kind>) -> String {
            Self.list(Event.Kind.allCases.filter(kinds.contains).map(\.rawValue))
        }
        func size(_ bytes: Int) -> String { "\(ByteCount(bytes: bytes))" }
        let rotation = monitor.delivery.rotation.map {
            "{size: \(size($0.size)), keep: \($0.kept)}"
        }
        let hook = webhook ?? standard.webhook
        return [
            "rotate: \(rotation ?? "never")",
            "syslog:",
            "  to: \(syslog.map { Self.quoted("\($0.address)") } ?? "")",
            "  facility: \((syslog ?? standard.syslog).facility)",
            "  kinds: \(kinds((syslog ?? standard.syslog).kinds))",
            "webhook:",
            "  url: \(webhook.map { Self.quoted($0.url) } ?? "")",
            "  secret_file: \(hook.secretFile.map(Self.quoted) ?? "")",
            "  kinds: \(kinds(hook.kinds))",
            "  spool: \(size(hook.spoolBytes))",
            "  timeout: \(TimeSpan(seconds: Int64(hook.timeoutSeconds)))",
        ]
    }
}
