import Foundation
import Logging
import Monitor
import Quarantine
import SystemSupport
import TestKit
import Testing
import Timestamps

@testable import Settings

/// The configuration file: keys, defaults and what a reload cannot take over.
struct ConfigurationTests {
    private let scratch = try! Scratch()

    private func read(_ text: String) throws -> Configuration {
        try Configuration(path: scratch.write("lazaret.yaml", Data(text.utf8)))
    }

    @Test func keysThatAreLeftOutHaveTheirDefaults() throws {
        #expect(try read("enforce: false").text == Configuration().text)
    }

    @Test func theShippedFileHasTheDefaultsOfTheProgram() throws {
        let shipped = try Configuration(path: Run.root.path + "/config/lazaret.yaml")
        let standard = Configuration()
        // It names what a package's service uses beside the defaults.
        let own = Set(shipped.text.split(separator: "\n"))
            .symmetricDifference(standard.text.split(separator: "\n"))
            .map { $0.trimmingCharacters(in: .whitespaces) }
        #expect(own.allSatisfy { $0.hasPrefix("interfaces:") || $0.hasPrefix("docker:") }, "\(own)")
    }

    @Test func itsTextIsReadAsItWas() throws {
        let text = """
            interfaces: [br0, 'eth0']
            filter: 'not port 22'
            log_level: warning
            limits: {memory: 1GiB, cpu: 0.5}
            learn: 2h
            retrain: 1d
            control: {socket: never}
            quarantine: {durations: [1m, 10m], breaker: 5m, subnets: {fenced: true}}
            protected: [{prefix: 10.0.0.0/8, reason: 'it''s ours'}]
            allow: [{prefix: 192.0.2.1, reason: scanner, until: '2030-01-01T00:00:00Z'}]
            kept: [{name: dns, address: 10.0.0.53, port: udp/53}]
            """
        let once = try read(text)
        #expect(once.monitor.interfaces == ["br0", "eth0"] && once.logLevel == .warning)
        #expect(once.monitor.learningTime == .seconds(7200))
        #expect(once.monitor.limits.memory == 1 << 30 && once.monitor.limits.cores == 0.5)
        #expect(once.monitor.policy.durations == [.seconds(60), .seconds(600)])
        #expect(try read(once.text).text == once.text)
    }

    private static let response =
        "{name: 'all', action: request, after: 1m, workloads: ['shop/*'], most: 3, grace: 5s, "
        + "commit: true, keep: 4, timeout: 9s, "
        + "apply: {method: 'POST', url: 'https://h/{{address}}', "
        + "body: '{\"it''s\":\"{{address}}\"}'}, verify: {method: 'GET', url: 'https://h/v', "
        + "contains: '{{address}}'}, undo: {method: 'DELETE', url: 'https://h/{{captured}}'}, "
        + "content: form, capture: '.id', headers_file: '/etc/h', ca_file: '/etc/ca', "
        + "program: '/bin/x', arguments: ['a', 'b c'], user: 'nobody', verifies: true, "
        + "interfaces: ['wg0'], networks: true, keep_dns: true, "
        + "keep_hosts: ['10.9.0.9'], replace: true, binding: 'b', "
        + "network: 'ward', url: 'https://h/l', machine: 'gw1', password_file: '/etc/pw', "
        + "private: true}"

    /// A source of decisions with every key.
    private static let source =
        "{name: 'hub', url: 'https://h/l', key_file: '/etc/key', ca_file: '/etc/ca', "
        + "origins: ['CAPI'], interval: 1m, most: 7, longest: 1h}"

    /// A notification with every key.
    private static let notification =
        "{name: 'n', type: slack, severity: high, url: 'https://h/a', url_file: '/etc/u', "
        + "server: 'smtp://h', from: 'a@b', recipients: ['c@d'], user: 'u', "
        + "password_file: '/etc/p', ca_file: '/etc/ca', wait: 1s, interval: 2m, repeat: 3h, "
        + "timeout: 4s}"

    /// Every line of this file differs from the default, and comes back as it was written.
    @Test func everyKeyIsReadAndWritten() throws {
        let text = """
            interfaces: ['br0']
            filter: 'not port 22'
            capture:
              snap_length: 100
              buffer_kib: 64
              promiscuous: false
              threads: 2
            record:
              file: '/x/y.pcapng'
              size: 5MiB
              keep: 2
            limits:
              memory: 1GiB
              cpu: 0.5
            model: 'm.model'
            inventory: 'i.yaml'
            workloads:
              docker: never
              podman: '/run/p.sock'
              kubernetes: never
              name_label: 'app'
              labels: ['team', 'tier']
            state: '/srv/state'
            user: 'nobody'
            events: '/var/log/e.json'
            event_kinds: [stats]
            log_level: debug
            rotate: {size: 1MiB, keep: 2}
            syslog:
              to: 'udp:192.0.2.1:514'
              facility: user
              kinds: [stats]
            webhook:
              url: 'https://example.org/hook'
              secret_file: '/etc/key'
              kinds: [alert]
              spool: 1MiB
              timeout: 20s
            notify:
              - \(Self.notification)
            statistics: 5s
            enforce: true
            learn: 2h
            retrain: 12h
            keep:
              age: 1d
              mib: 3
            history:
              age: 1d
              size: 2GiB
            indicators:
              - {name: 'l', path: '/etc/l', max_age: 1d, confidence: 7}
            image_reports:
              paths: ['/etc/reports', '/etc/r.json']
              known_exploited: '/etc/k.json'
              epss: '/etc/e.csv.gz'
              max_age: 2d
            runtime_events:
              - {name: 'f', path: '/f', priority: warning, least: error, arguments: true}
              - {name: 's', socket: '/s', priority: notice, least: notice, arguments: false}
            runtime_prior:
              for: 5m
              priority: critical
              factor: 4
            metrics:
              workloads: true
            control:
              socket: never
              port: 9000
              listen: '127.0.0.2'
              token_file: '/etc/token'
              read_token_file: '/etc/read-token'
              certificate: '/etc/cert.pem'
              key: '/etc/key.pem'
              operators: ['ann']
              may_force: ['bea']
            quarantine:
              windows_in_row: 3
              far_beyond: never
              durations: [1m, 10m]
              forgiven_after: 2d
              most_at_a_time: 3
              most_of_workloads: 0.1
              breaker: 5m
              warm_up: 1s
              responses: [limit, drop]
              limit: 7
              protect_targets: 50
              release_grace: 1m
              flush_connections: true
              subnets:
                fenced: false
                least: 9
                share: 0.1
                within: 2m
              further_responses:
                - \(Self.response)
              decisions_from:
                - \(Self.source)
            protected:
              - {prefix: '10.0.0.0/8', reason: 'it''s ours'}
            allow:
              - {prefix: '192.0.2.1', reason: 'scanner', until: 2030-01-01T00:00:00Z}
            kept:
              - {name: 'dns', address: '10.0.0.53', port: udp/53}

            """
        #expect(try read(text).text == text)
        let sections: Set = [
            "capture:", "record:", "limits:", "workloads:", "syslog:", "webhook:", "keep:",
            "history:", "image_reports:", "runtime_prior:", "metrics:", "control:",
            "quarantine:", "  subnets:",
        ]
        let same = Set(text.split(separator: "\n")).intersection(
            Configuration().text.split(separator: "\n"))
        #expect(same == sections.reduce(into: []) { $0.insert(Substring($1)) }, "\(same)")
    }

    @Test(arguments: [
        ("interfaces: br0", "line 1"), ("learn: 10", "with its unit"),
        ("enforce: maybe", "'enforce'"),
        ("a: 1", "unknown key 'a'"), ("limits: {memory: 1}", "with its unit"),
        ("limits: {memory: 1MiB}", "256MiB to"), ("quarantine: {durations: []}", "at least one"),
        ("quarantine: {responses: [stop]}", "one of drop, egress"),
        ("rotate: daily", "rotate must"),
        ("quarantine: {further_responses: [{name: x}]}", "'action' is missing"),
        (
            "quarantine: {further_responses: [{name: x, action: kill}]}",
            "one of evidence, disconnect"
        ),
        (
            "quarantine: {further_responses: [{name: x, action: request, apply: {body: y}}]}",
            "'url' is missing"
        ),
        ("control: {port: 8080}", "needs a 'token_file'"),
        ("allow: [{prefix: 10.0.0.0/8}]", "reason"),
        ("statistics: 0s", "'statistics'"), ("log_level: loud", "one of trace, debug, info"),
        ("enforce: true\nenforce: true", "line 2: the key 'enforce' is already in line 1"),
    ])
    func whatCannotBeUsedIsNamed(text: String, words: String) throws {
        let error = try #require(throws: ConfigurationError.self) { _ = try read(text) }
        #expect("\(error)".contains(words), "\(error)")
    }

    /// Whoever may only read sees no secret of a URL or body.
    @Test func theShownConfigurationHasNoSecrets() throws {
        let text = """
            quarantine:
              further_responses:
                - {name: x, action: request, apply: {url: 'https://h/SECRET', body: SECRET},
                   undo: {url: 'https://h/SECRET'}}
            """
        let configuration = try read(text)
        #expect(configuration.text.contains("SECRET"))
        #expect(configuration.shownText.contains("'https://h/***'"))
        #expect(!configuration.shownText.contains("SECRET"))
    }

    @Test func aReloadNamesTheKeysThatWaitForAStart() throws {
        let old = try read("interfaces: [br0]")
        let new = try read(
            """
            interfaces: [br1]
            state: /elsewhere
            enforce: true
            limits: {cpu: 1}
            log_level: debug
            learn: 1h
            """)
        #expect(new.needsRestart(after: old) == ["limits", "state", "enforce", "learn"])
        #expect(old.needsRestart(after: old).isEmpty)
    }
}
