import EventStore
import Foundation
import Quarantine
import Synchronization
import TestKit
import Testing
import Timestamps

@testable import Responses

/// Decisions for a real CrowdSec, as its bouncers see them.
@Suite(.timeLimit(.minutes(20)), .needsCrowdSec, .needs("curl"))
struct CrowdSecResponseTests {
    private let bench: ResponseBench
    private let scratch: Scratch
    private let server: CrowdSecServer
    private let bouncer: CrowdSecServer.Bouncer

    init() throws {
        bench = try ResponseBench()
        scratch = try Scratch()
        server = try CrowdSecServer(in: scratch.url)
        bouncer = try server.bouncer("b1")
        try setPassword("a long password")
    }

    private func setPassword(_ text: String, mode: Int = 0o600) throws {
        try scratch.write("password", Data((text + "\n").utf8), mode: mode)
    }

    private func entry(_ change: (inout ResponseEntry) -> Void = { _ in }) -> ResponseEntry {
        var entry = ResponseEntry("border", .crowdsec)
        entry.url = server.url
        entry.machine = "gw1"
        entry.passwordFile = scratch.path("password")
        change(&entry)
        return entry
    }

    /// A fence on an outside host that has completed handshakes.
    private func fence(_ target: String = "203.0.113.9", id: String = "r1") {
        bench.fence(target, id: id, workload: "outside", evidence: "handshake")
    }

    @Test func everyBouncerHasTheOffenderWhileTheFenceIsActive() throws {
        let engine = bench.engine([entry()])
        fence()
        fence("2001:db8::9", id: "r2")
        #expect(bench.run(engine) { bench.states("border") == [.verified, .verified] })
        #expect(
            try bouncer.pull() == ["Ip 203.0.113.9 ban lazaret", "Ip 2001:db8::9 ban lazaret"])
        // As long as the fence, and not longer.
        let rest = try #require(bouncer.durations["203.0.113.9"])
        #expect(rest.hasPrefix("9m") || rest.hasPrefix("8m"), "\(rest)")
        bench.release()
        #expect(bench.run(engine) { bench.states("border").contains(.undone) })
        #expect(try bouncer.pull() == ["Ip 2001:db8::9 ban lazaret"])
        bench.release("r2")
        #expect(bench.run(engine) { bench.states("border") == [.undone, .undone] })
        #expect(try bouncer.pull().isEmpty)
    }

    @Test func anOperatorsNetworkIsARange() throws {
        let engine = bench.engine([entry()])
        bench.fence("198.51.100.0/24", workload: nil, level: 0)
        bench.fence("203.0.0.0/8", id: "wide", workload: nil, level: 0)
        #expect(bench.run(engine) { bench.states("border") == [.verified] })
        bench.settle(engine)
        #expect(try bouncer.pull() == ["Range 198.51.100.0/24 ban lazaret"])
        bench.release()
        #expect(bench.run(engine) { bench.states("border") == [.undone] })
        #expect(try bouncer.pull().isEmpty)
    }

    /// Whoever forges an address must not have its owner banned at every border.
    @Test func whatIsNotProvenIsToldToNobody() throws {
        let engine = bench.engine([entry()])
        bench.fence("203.0.113.9", workload: "outside", evidence: "address")
        bench.fence("203.0.113.10", id: "r2", workload: "outside")
        bench.settle(engine)
        #expect(bench.states("border") == [.skipped, .skipped])
        #expect(bench.records("border").allSatisfy { $0.detail.contains("not proven") })
        #expect(try bouncer.pull().isEmpty)
    }

    @Test func workloadsPrivateAddressesAndForeignDecisionsAreToldToNobody() throws {
        let engine = bench.engine([entry()])
        bench.fence("203.0.113.20", id: "a", workload: "shop/web", evidence: "port")
        for (index, target) in [
            "10.1.2.3", "192.168.1.1", "172.20.0.1", "100.64.0.1", "169.254.1.1", "fd00::1",
            "fe80::1", "240.0.0.1", "::ffff:0:1",
        ].enumerated() {
            bench.fence(target, id: "p\(index)", workload: "outside", evidence: "handshake")
        }
        bench.fence("02:42:ac:11:00:02", id: "mac", workload: "outside", evidence: "mac")
        bench.fence(
            "203.0.113.21", id: "back", workload: "outside", level: 0, origin: "crowdsec:hub")
        bench.settle(engine)
        #expect(bench.states("border").isEmpty, "\(bench.records("border"))")
        // What was asked for is told.
        let asked = bench.engine([entry { $0.sharesPrivate = true }])
        #expect(bench.run(asked) { bench.states("border").contains(.verified) })
        bench.settle(asked)
        #expect(try bouncer.pull().contains("Ip 10.1.2.3 ban lazaret"))
        #expect(try !bouncer.pull().contains { $0.contains("203.0.113.21") })
    }

    @Test func protectedAndAllowedAddressesAreToldToNobody() throws {
        bench.change {
            $0.allowlist = [
                AllowEntry(prefix("203.0.113.0/28"), reason: "our scanner")
            ]
        }
        let engine = bench.engine([entry()])
        fence()
        bench.settle(engine)
        #expect(bench.states("border") == [.skipped])
        #expect(try bouncer.pull().isEmpty)
    }

    /// A decision of somebody else on the same address is not Lazaret's to delete.
    @Test func othersDecisionsStay() throws {
        try server.cscli("decisions", "add", "--ip", "203.0.113.9", "--duration", "1m")
        try server.cscli("decisions", "add", "--range", "203.0.113.0/24", "--duration", "2h")
        let engine = bench.engine([entry()])
        fence()
        #expect(bench.run(engine) { bench.states("border") == [.verified] })
        bench.release()
        #expect(bench.run(engine) { bench.states("border") == [.undone] })
        let list = try server.cscli("decisions", "list", "--all", "-o", "raw")
        #expect(list.contains("203.0.113.0/24") && list.contains("Ip:203.0.113.9"), "\(list)")
        #expect(!list.contains("lazaret"), "\(list)")
    }

    @Test func aRestartedServerIsLoggedInToAgain() throws {
        let engine = bench.engine([entry()])
        fence()
        #expect(bench.run(engine) { bench.states("border") == [.verified] })
        // Tokens are signed with another secret now.
        server.stop()
        bench.release()
        bench.settle(engine)
        #expect(bench.states("border") == [.undoing])
        try server.start()
        #expect(bench.run(engine) { bench.states("border") == [.undone] })
        #expect(try bouncer.pull().isEmpty)
    }

    @Test func aWrongPasswordIsReportedWithoutShowingIt() throws {
        try setPassword("a wrong password")
        let engine = bench.engine([entry()])
        fence()
        #expect(bench.run(engine) { bench.log.lines.contains { $0.contains("does not accept") } })
        try setPassword("a long password", mode: 0o644)
        #expect(bench.run(engine) { bench.log.lines.contains { $0.contains("chmod 600") } })
        try setPassword("a long password")
        #expect(bench.run(engine) { bench.states("border") == [.verified] })
        let record = try #require(bench.records("border").first)
        let all = ([record.undo, record.detail] + bench.trail + bench.log.lines).joined()
        #expect(!all.contains("wrong password") && !all.contains("a long password"))
    }

    /// A crash between the server's answer and the ledger must not leave a second decision.
    @Test func aLostAnswerAddsNoSecondDecision() throws {
        let ledger = FusedLedger(bench.store, writes: 2)
        let first = bench.engine([entry()], ledger: ledger)
        fence()
        #expect(bench.run(first) { ledger.failures.withLock { $0 } > 0 })
        _ = eventually(within: 60) { first.isIdle }
        #expect(try bouncer.pull().count == 1)
        let next = bench.engine([entry()])
        #expect(bench.run(next) { bench.states("border") == [.verified] })
        #expect(try bouncer.pull().count == 1 && bouncer.identifiers.count == 1)
        bench.release()
        #expect(bench.run(next) { bench.states("border") == [.undone] })
        #expect(try bouncer.pull().isEmpty)
    }

    @Test(arguments: 0..<7) func aKillAtAnyStepLeavesNoDecision(writes: Int) throws {
        fence()
        try bench.killAndRestart("border", afterWrites: writes) {
            bench.engine([entry()], ledger: $0)
        }
        let list = try server.cscli("decisions", "list", "--all", "-o", "raw")
        #expect(!list.contains("lazaret"), "\(list)")
    }

    /// Retention deletes alerts with decisions that are still active, and people delete them, too.
    @Test func whatWasDeletedIsAddedAgain() throws {
        let engine = bench.engine([entry()])
        fence()
        #expect(bench.run(engine) { bench.states("border") == [.verified] })
        for (second, words) in [
            (2011, ["decisions", "delete", "--ip", "203.0.113.9"]), (2022, []),
        ] {
            if words.isEmpty {
                try server.cscli("alerts", "delete", "--all")
            } else {
                try server.cscli(words[0], words[1], words[2], words[3])
            }
            bench.setClock(Int64(second))
            let isBack = bench.run(engine) {
                (try? server.cscli("decisions", "list", "--all", "-o", "raw"))?.contains("lazaret")
                    == true
            }
            #expect(isBack, "\(words)")
            bench.settle(engine)
            #expect(bench.states("border") == [.verified])
            #expect(bench.trail.contains { $0.hasPrefix("response renew") }, "\(bench.trail)")
        }
        #expect(!bench.log.lines.contains { $0.contains("cannot be applied") })
        bench.release()
        #expect(bench.run(engine) { bench.states("border") == [.undone] })
        let list = try server.cscli("decisions", "list", "--all", "-o", "raw")
        #expect(!list.contains("lazaret"), "\(list)")
    }

    /// A server whose database was made anew gives the same numbers to others' alerts.
    @Test func anotherAlertWithTheSameNumberIsLeftAlone() throws {
        let engine = bench.engine([entry()])
        fence()
        #expect(bench.run(engine) { bench.states("border") == [.verified] })
        server.stop()
        try FileManager.default.removeItem(at: scratch.url.appendingPathComponent("data"))
        let again = try CrowdSecServer(in: scratch.url)
        try again.cscli("decisions", "add", "--ip", "203.0.113.77", "--duration", "2h")
        let engine2 = bench.engine([entry { $0.url = again.url }])
        // The record has the address of the first server.
        let old = try #require(bench.records("border").first)
        var moved = old
        moved.undo = old.undo.replacingOccurrences(of: ":\(server.port)", with: ":\(again.port)")
        try bench.store.write(moved, [])
        bench.release()
        #expect(bench.run(engine2) { bench.states("border") == [.undone] })
        #expect(try again.cscli("decisions", "list", "--all", "-o", "raw").contains("203.0.113.77"))
    }

    @Test func entriesAreChecked() {
        func faults(_ change: (inout ResponseEntry) -> Void) -> String {
            ResponseEntry.faults(in: [entry(change)]).joined()
        }
        #expect(faults { _ in }.isEmpty)
        #expect(faults { $0.url = nil }.contains("'url', 'machine' and 'password_file'"))
        #expect(faults { $0.url = "http://lapi.example:8080" }.contains("must be https"))
        #expect(faults { $0.url = "https://u:p@lapi.example" }.contains("without user"))
        #expect(faults { $0.machine = "a\nb" }.contains("'machine'"))
        #expect(faults { $0.action = .pause }.contains("'action: crowdsec' only"))
        #expect(faults { $0.passwordFile = "password" }.contains("not an absolute path"))
    }
}
