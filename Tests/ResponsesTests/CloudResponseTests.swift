import Foundation
import Quarantine
import Synchronization
import TestKit
import Testing

@testable import Responses

/// The documentation's example for a cloud firewall, against a scripted server with the real paths.
@Suite(.timeLimit(.minutes(20)))
struct CloudResponseTests {
    private let bench: ResponseBench
    private let scratch: Scratch

    init() throws {
        bench = try ResponseBench()
        scratch = try Scratch()
    }

    /// The entry of `docs/respond.md`, sent to the scripted server.
    private func entry(_ cloud: Cloud) throws -> ResponseEntry {
        let text = try String(contentsOfFile: "docs/respond.md", encoding: .utf8)
        let start = try #require(text.range(of: "- name: cloud\n"))
        let end = try #require(text[start.upperBound...].range(of: "\n\n"))
        let words = text[start.upperBound..<end.lowerBound].split(separator: "'").enumerated()
            .filter { !$0.offset.isMultiple(of: 2) }
            .map {
                $0.element.replacingOccurrences(
                    of: "https://api.digitalocean.com", with: "http://127.0.0.1:\(cloud.port)")
            }
        try #require(words.count == 5, "\(words)")
        var entry = ResponseEntry("cloud", .request)
        entry.headersFile = try scratch.write(
            "headers", Data("Authorization: Bearer dop_v1_secret\n".utf8), mode: 0o600)
        var step = RequestStep()
        (step.method, step.url, step.body) = ("POST", words[0], words[1])
        entry.apply = step
        (step.method, step.url) = ("DELETE", words[4])
        entry.undo = step
        step = RequestStep()
        (step.url, step.contains) = (words[2], words[3])
        entry.verify = step
        #expect(ResponseEntry.faults(in: [entry]) == [])
        return entry
    }

    private static let kinds = ["tcp", "udp", "icmp"]

    private func rules(_ address: String) -> Set<Cloud.Rule> {
        Set(Self.kinds.map { Cloud.Rule($0, address) })
    }

    @Test(arguments: ["203.0.113.9", "2001:db8::9"])
    func aFirewallOfTheCloudDeniesTheAddressWhileTheFenceIsActive(address: String) throws {
        let cloud = try Cloud()
        cloud.change { $0.rules = rules("198.51.100.1") }
        let engine = bench.engine([try entry(cloud)])
        bench.fence(address, workload: nil)
        #expect(bench.run(engine) { bench.states("cloud") == [.verified] }, "\(bench.log.lines)")
        #expect(cloud.rules == rules("198.51.100.1").union(rules(address)))
        bench.release()
        #expect(bench.run(engine) { bench.states("cloud") == [.undone] }, "\(bench.log.lines)")
        #expect(cloud.rules == rules("198.51.100.1"))
        #expect(cloud.tokens == ["Bearer dop_v1_secret"])
        let record = try #require(bench.records("cloud").first)
        #expect(!(record.undo + record.detail + bench.log.lines.joined()).contains("dop_v1"))
    }

    /// The answer to an earlier attempt was lost, or a monitor was killed after it.
    @Test func rulesThatAreThereAlreadyAreNoFailure() throws {
        let cloud = try Cloud()
        cloud.change { $0.rules = rules("203.0.113.9") }
        let engine = bench.engine([try entry(cloud)])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.states("cloud") == [.verified] }, "\(bench.log.lines)")
        #expect(cloud.rules == rules("203.0.113.9"))
        bench.release()
        #expect(bench.run(engine) { bench.states("cloud") == [.undone] })
        #expect(cloud.rules.isEmpty)
    }

    @Test func rulesThatSomebodyRemovesAreMadeAgainAndNotUndoneTwice() throws {
        let cloud = try Cloud()
        let engine = bench.engine([try entry(cloud)])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.states("cloud") == [.verified] })
        cloud.change { $0.rules = [] }
        bench.setClock(2011)
        #expect(bench.run(engine) { cloud.rules == rules("203.0.113.9") })
        bench.settle(engine)
        #expect(bench.states("cloud") == [.verified])
        cloud.change { $0.rules = [] }
        bench.release()
        #expect(bench.run(engine) { bench.states("cloud") == [.undone] })
        #expect(bench.records("cloud").first?.detail.contains("not there any more") == true)
        #expect(cloud.removals == 0)
    }

    /// Without room for another rule the fence alone stays, and the rule is added once there is.
    @Test func aFullFirewallIsTriedAgain() throws {
        let cloud = try Cloud()
        cloud.change { $0.room = 2 }
        let engine = bench.engine([try entry(cloud)])
        bench.fence("203.0.113.9", workload: nil)
        #expect(bench.run(engine) { bench.log.lines.contains { $0.contains("status 422") } })
        cloud.change { $0.room = 50 }
        #expect(bench.run(engine) { bench.states("cloud") == [.verified] })
        #expect(cloud.rules == rules("203.0.113.9"))
    }
}

/// The rules of one firewall, as the API of DigitalOcean has them.
private final class Cloud: Sendable {
    struct Rule: Hashable, Codable {
        struct Sources: Hashable, Codable {
            var addresses: [String]
        }

        var ipProtocol: String
        var ports: String
        var action: String
        var sources: Sources

        enum CodingKeys: String, CodingKey {
            case ipProtocol = "protocol"
            case ports, action, sources
        }

        init(_ ipProtocol: String, _ address: String) {
            self.ipProtocol = ipProtocol
            ports = "0"
            action = "deny"
            sources = Sources(addresses: [address])
        }
    }

    private struct Change: Codable {
        var inboundRules: [Rule]

        enum CodingKeys: String, CodingKey { case inboundRules = "inbound_rules" }
    }

    struct State {
        var rules: Set<Rule> = []
        var room = 50
        var removals = 0
        var tokens: Set<String> = []
    }

    private let state = Mutex(State())
    private let server = Mutex<ScriptedServer?>(nil)

    init() throws {
        let made = try ScriptedServer { [weak self] request in
            self?.answer(request) ?? .whole(500, "")
        }
        server.withLock { $0 = made }
    }

    var port: UInt16 { server.withLock { $0?.port ?? 0 } }
    var rules: Set<Rule> { state.withLock { $0.rules } }
    var removals: Int { state.withLock { $0.removals } }
    var tokens: Set<String> { state.withLock { $0.tokens } }

    func change(_ body: (inout State) -> Void) { state.withLock { body(&$0) } }

    private func answer(_ request: ScriptedServer.Request) -> ScriptedServer.Answer {
        state.withLock { state in
            let token = request.head.split(separator: "\r\n").first {
                $0.lowercased().hasPrefix("authorization: ")
            }
            state.tokens.insert(String(token?.dropFirst(15) ?? ""))
            let change = try? JSONDecoder().decode(Change.self, from: Data(request.body.utf8))
            switch ("\(request.method) \(request.target)", change) {
            case ("GET /v2/firewalls/FIREWALL", _):
                guard let data = try? JSONEncoder().encode(Change(inboundRules: Array(state.rules)))
                else { return .whole(500, "") }
                let rules = String(decoding: data, as: UTF8.self).dropFirst()
                return .whole(200, #"{"firewall":{"id":"FIREWALL","name":"lazaret",\#(rules)}"#)
            case ("POST /v2/firewalls/FIREWALL/rules", let change?):
                guard state.rules.isDisjoint(with: change.inboundRules) else {
                    return .whole(409, #"{"id":"conflict","message":"duplicate rules"}"#)
                }
                guard state.rules.count + change.inboundRules.count <= state.room else {
                    return .whole(422, #"{"id":"unprocessable_entity"}"#)
                }
                state.rules.formUnion(change.inboundRules)
                return .whole(204, "")
            case ("DELETE /v2/firewalls/FIREWALL/rules", let change?):
                guard state.rules.isSuperset(of: change.inboundRules) else {
                    return .whole(404, #"{"id":"not_found"}"#)
                }
                state.rules.subtract(change.inboundRules)
                state.removals += 1
                return .whole(204, "")
            default: return .whole(404, #"{"id":"not_found"}"#)
            }
        }
    }
}
