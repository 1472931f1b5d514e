import NetworkAddresses
import Quarantine
import TestKit
import Testing

@testable import Enforcement
import Timestamps

/// Rules on ports: a name may belong to another container later.
@Suite(.needsKernel)
struct EnginePortTests {
    /// A node with veths of these names.
    private func node(_ ports: String...) throws -> Namespace {
        let space = try Namespace()
        for port in ports { try plug(port, in: space) }
        return space
    }

    private func plug(_ port: String, in space: Namespace) throws {
        try space.run("ip", "link", "add", port, "type", "veth", "peer", "name", port + "x")
    }

    private func add(
        _ text: String, to engine: inout QuarantineEngine<FusedFirewall>, _ now: Timestamp
    ) throws {
        let outcome = try engine.add(
            target(text), action: .drop, duration: .seconds(600), reason: "r", now: now,
            actor: "me", force: false)
        #expect(outcome.failure == nil)
    }

    @Test func aFenceAtAPortEndsWithThePort() throws {
        let space = try node("veth1", "veth2")
        let ledger = MemoryLedger()
        var engine = try space.engine(ledger)
        let now = Clock.now()
        for text in ["port:veth1", "port:veth2", "10.0.0.2"] { try add(text, to: &engine, now) }
        #expect(try engine.followPorts(now: now).isEmpty)
        try space.run("ip", "link", "del", "veth1")
        let outcomes = try engine.followPorts(now: now)
        #expect(outcomes.map(\.decision.target) == [target("port:veth1")])
        #expect(outcomes[0].failure == nil && outcomes[0].decision.reason.contains("has gone"))
        #expect(
            try Set(engine.actuator.elements().map(\.target))
                == [target("port:veth2"), target("10.0.0.2")])
        #expect(try engine.followPorts(now: now).isEmpty)
        // The ledger agrees with the kernel.
        #expect(try engine.reconcile(now: now, cause: "again").isClean)
    }

    @Test func aFenceDoesNotPassToTheNextPortWithTheNameWhileNobodyWatches() throws {
        let space = try node("veth1", "veth2")
        let ledger = MemoryLedger()
        var before = try space.engine(ledger)
        let now = Clock.now()
        for text in ["port:veth1", "port:veth2"] { try add(text, to: &before, now) }
        // No engine runs: one container is replaced by another whose port gets the name.
        try space.run("ip", "link", "del", "veth1")
        try plug("veth1", in: space)
        var next = try space.engine(ledger)
        _ = try next.reconcile(now: now, cause: "start")
        let outcomes = try next.tick(now: now)
        #expect(outcomes.map(\.decision.target) == [target("port:veth1")])
        #expect(try next.actuator.elements().map(\.target) == [target("port:veth2")])
    }

    /// A ledger that was lost does not lift the fence of a port that is there.
    @Test func aFenceStaysOnItsPortWhenTheLedgerIsLost() throws {
        let space = try node("veth1", "veth2")
        let ledger = MemoryLedger()
        var before = try space.engine(ledger)
        let now = Clock.now()
        for text in ["port:veth1", "port:veth2"] { try add(text, to: &before, now) }
        ledger.forgetRules()
        var next = try space.engine(ledger)
        #expect(try next.reconcile(now: now, cause: "start").adopted.count == 2)
        #expect(try next.tick(now: now).isEmpty)
        #expect(try next.actuator.elements().count == 2)
        // It still ends with its port, also if another one gets the name.
        try space.run("ip", "link", "del", "veth1")
        try plug("veth1", in: space)
        #expect(try next.followPorts(now: now).map(\.decision.target) == [target("port:veth1")])
        #expect(try next.actuator.elements().map(\.target) == [target("port:veth2")])
    }

    @Test func aFenceFollowsItsPortWhenThatIsRenamed() throws {
        let space = try node("veth1")
        var engine = try space.engine(MemoryLedger())
        let now = Clock.now()
        try add("port:veth1", to: &engine, now)
        let expires = try engine.list(now: now).rules.first?.rule.expires
        try space.run("ip", "link", "set", "veth1", "name", "other")
        let outcomes = try engine.followPorts(now: now)
        #expect(outcomes.map(\.decision.kind) == [.release, .add])
        #expect(try engine.actuator.elements().map(\.target) == [target("port:other")])
        #expect(try engine.list(now: now).rules.map(\.rule.expires) == [expires])
        #expect(try engine.followPorts(now: now).isEmpty)
    }

    @Test func aPortThatHasGoneSinceItWasSeenIsNotFenced() throws {
        let space = try node("veth1")
        var engine = try space.engine(MemoryLedger())
        let now = Clock.now()
        let late = QuarantineDecision(
            .add,
            QuarantineRule(
                id: "q1", target: target("port:veth1"), created: now,
                expires: now + .seconds(600), level: 1,
                portInstance: "999/998/02:00:00:00:00:09"), time: now)
        let outcomes = try engine.perform([late], now: now)
        #expect(outcomes.map(\.failure) == [.noSuchPort("veth1")])
        #expect(try engine.actuator.elements().isEmpty)
        #expect(throws: QuarantineError.noSuchPort("veth9")) {
            try add("port:veth9", to: &engine, now)
        }
    }

    /// A message names one of the two for the release.
    @Test(arguments: ["10.0.0.2", "port:veth1"])
    func aReleaseOfAddressOrPortEndsBothRules(named: String) throws {
        let space = try node("veth1")
        var engine = try space.engine(MemoryLedger())
        let now = Clock.now()
        var request = EnforcementRequest(
            time: now, offender: prefix("10.0.0.2").address, score: 1, threshold: 0.5,
            eventID: "e", reason: "r")
        request.port = QuarantinePort(
            name: "veth1", instance: try engine.actuator.portInstances()["veth1"],
            ownsAddress: true)
        let targets = try engine.consider(request, now: now).map { "\($0.decision.target)" }
        #expect(targets == ["10.0.0.2", "port:veth1"])
        let released = try engine.release(
            target(named), reason: "checked", now: now, actor: "me")
        #expect(Set(released.map { "\($0.decision.target)" }) == ["10.0.0.2", "port:veth1"])
        #expect(try engine.actuator.elements().isEmpty)
        // It is not fenced again at once.
        let again = try engine.consider(request, now: now + .seconds(1))
        #expect(again.allSatisfy { $0.decision.kind != .add && $0.decision.kind != .extend })
        #expect(try engine.actuator.elements().isEmpty)
    }
}
