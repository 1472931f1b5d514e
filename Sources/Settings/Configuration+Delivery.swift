import EventDelivery
import FoundationEssentials
import Monitor
import Responses
import YAML

/// The keys of the sinks of events.
extension Configuration {
    static let rotationKeys: [SettingKey<DeliveryOptions.Rotation>] = [
        .value("size", \.size, .bytes(65_536...(1 << 44))),
        .value("keep", \.kept, .number(1...1000)),
    ]

    static let syslogKeys: [SettingKey<Syslog>] = [
        .value("to", \.address, .optional(.syslogAddress)),
        .value("facility", \.options.facility, .word(of: SyslogOptions.facilities)),
        .value("kinds", \.options.kinds, .kinds),
    ]

    static let webhookKeys: [SettingKey<WebhookOptions>] = [
        .value("url", \.url, .webhookURL),
        .value("secret_file", \.secretFile, .optional(.text)),
        .value("kinds", \.kinds, .kinds),
        .value("spool", \.spoolBytes, .bytes((1 << 20)...(1 << 40))),
        .value("timeout", \.timeoutSeconds, .seconds(1...300)),
    ]

    static let notifyKeys: [SettingKey<NotifyEntry>] = [
        .value("name", \.name, .text, isRequired: true),
        .value("type", \.kind, .word, isRequired: true),
        .value("severity", \.level, .word),
        .value("url", \.url, .optional(.text)),
        .value("url_file", \.urlFile, .optional(.text)),
        .value("server", \.server, .optional(.text)),
        .value("from", \.from, .optional(.text)),
        .value("recipients", \.recipients, .list(.text)),
        .value("user", \.user, .optional(.text)),
        .value("password_file", \.passwordFile, .optional(.text)),
        .value("ca_file", \.authoritiesFile, .optional(.text)),
        .value("wait", \.wait, .span(0...600)),
        .value("interval", \.interval, .span(1...86_400)),
        .value("repeat", \.repeats, .span(60...34_560_000)),
        .value("timeout", \.timeout, .span(1...60)),
    ]

    /// The keys of `syslog`; without an address there is no server.
    struct Syslog {
        var address: SyslogOptions.Address?
        var options: SyslogOptions

        init(_ options: SyslogOptions?) {
            address = options?.address
            self.options = options ?? SyslogOptions(.unix(path: "/dev/log"))
        }
    }

    var syslog: Syslog {
        get { Syslog(monitor.delivery.syslog) }
        set {
            monitor.delivery.syslog = newValue.address.map { address in
                var options = newValue.options
                options.address = address
                return options
            }
        }
    }

    /// The keys of `webhook`; without a URL there is none.
    var webhook: WebhookOptions {
        get { monitor.delivery.webhook ?? WebhookOptions(url: "") }
        set { monitor.delivery.webhook = newValue.url.isEmpty ? nil : newValue }
    }

    /// `text` for every user that may read from the monitor. Of the URLs of webhook and responses
    /// it contains only the host, since the path of a webhook is often a secret, and of bodies
    /// nothing.
    public var shownText: String { shownText(startedWith: self) }

    /// The same for a monitor that has read the file again: keys that it cannot change while it
    /// runs have the values of its start.
    public func shownText(startedWith first: Configuration) -> String {
        let (now, then) = (masked, first.masked)
        return Self.keys.flatMap { $0.lines($0.needsRestart ? then : now) }
            .joined(separator: "\n") + "\n"
    }

    private var masked: Configuration {
        var shown = self
        shown.monitor.responses = monitor.responses.map(\.masked)
        shown.monitor.delivery.notify = monitor.delivery.notify.map(\.masked)
        if let webhook = monitor.delivery.webhook, let url = URL(string: webhook.url) {
            let port = url.port.map { ":\($0)" } ?? ""
            shown.monitor.delivery.webhook?.url =
                "\(url.scheme ?? "https")://\(url.host ?? "")\(port)/***"
        }
        return shown
    }

    /// Checks that the configured secrets can be read.
    public func checkSecrets() throws {
        try monitor.delivery.webhook?.checkSecret()
    }
}

extension SettingFormat where Value == String {
    /// Empty only where the file has no URL.
    static var webhookURL: Self {
        Self { node throws(YAMLError) in
            let url = try node.text()
            guard WebhookOptions(url: url).isUsable else {
                throw node.fail(
                    "'url' must be https://HOST/PATH, or http://…, without user and password; a "
                        + "'secret_file' signs what is sent")
            }
            return url
        } text: {
            $0.isEmpty ? "" : $0.quotedYAML
        }
    }
}
