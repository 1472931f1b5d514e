import Foundation
import NetworkAddresses
import Quarantine
import TestKit
import Testing

@testable import Enforcement
import Timestamps

/// Random steps, compared with a model of the kernel's expected state.
@Suite(.needsKernel)
struct PropertyTests {
    private typealias Key = QuarantineRule.Key

    /// The model: the requested and not released fences, with their expiries.
    private struct Model {
        var ends: [Key: Timestamp] = [:]

        func rules(after now: Timestamp) -> [QuarantineRule] {
            ends.filter { $0.value > now }.map {
                QuarantineRule(target: $0.key.target, action: $0.key.action, expires: $0.value)
            }
        }
    }

    private func randomTarget(_ random: inout SeededGenerator) -> QuarantineTarget {
        let host = UInt32.random(in: 0...63, using: &random)
        let v4 = IPAddress(v4: 0x0A00_0000 | host)
        let v6 = IPAddress(high: 0xFD00 << 48, low: UInt64(host))
        switch Int.random(in: 0...9, using: &random) {
        case 0...3: return .prefix(IPPrefix(host: v4))
        case 4...5:
            return .prefix(IPPrefix(v4, length: Int.random(in: 26...31, using: &random)))
        case 6: return .prefix(IPPrefix(host: v6))
        case 7...8:
            return .prefix(IPPrefix(v6, length: Int.random(in: 122...127, using: &random)))
        default: return .link(MACAddress(0x0200_0000_0000 | UInt64(host & 7)))
        }
    }

    private func put(
        _ model: inout Model, _ target: QuarantineTarget, _ action: QuarantineRule.Action,
        _ end: Timestamp, _ now: Timestamp
    ) {
        let key = Key(target: target, action: action)
        let old = model.ends[key].flatMap { $0 > now ? $0 : nil }
        model.ends[key] = max(old ?? end, end)
    }

    /// Nil if the kernel matches the model; otherwise the difference.
    ///
    /// Fences that expire within a second of now may or may not have expired in the kernel, where
    /// they expire later than in the model by the duration of a step.
    private func difference(
        _ firewall: inout Firewall, _ model: Model, slowest: Interval
    ) throws -> String? {
        let before = Clock.now()
        let held = try firewall.elements()
        let tolerance = Interval.seconds(1) + max(slowest, Clock.now() - before)
        func table(_ rules: [QuarantineRule]) -> [Key: Timestamp] {
            firewall.expected(rules, now: .epoch)
        }
        // A MAC address is always dropped, whatever the response.
        let all = table(model.rules(after: before - tolerance))
        var missing = all.filter { $0.value > before + tolerance }
        for element in held {
            let key = Key(target: element.target, action: element.action)
            guard let end = all[key] else {
                // The kernel rounds a short fence up to its ticks; every other lasts an hour or
                // more.
                let left = element.remaining ?? .longest / 2
                if left < tolerance { continue }
                return "too many: \(element)"
            }
            missing[key] = nil
            guard (end - before).magnitude > tolerance else { continue }
            let left = element.remaining ?? .longest / 2
            guard element.isComplete, (before + left - end).magnitude < tolerance * 2 else {
                return "wrong end: \(element), model \((end - before).wholeMilliseconds) ms"
            }
        }
        return missing.isEmpty ? nil : "missing: \(missing)"
    }

    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func theKernelAlwaysMatchesTheModel(seed: UInt64) throws {
        var random = SeededGenerator(seed: seed)
        let space = try Namespace()
        let fuse = Fuse()
        let ledger = MemoryLedger(fuse: fuse)
        var engine = try space.engine(ledger)
        var vandal = try space.firewall()
        var model = Model()
        var counts: [String: Int] = [:]
        var slowest = Interval.zero
        for step in 0..<2500 {
            let now = Clock.now()
            let target = randomTarget(&random)
            let action: QuarantineRule.Action =
                target.prefix != nil && Int.random(in: 0...5, using: &random) == 0
                ? .observe : .drop
            let kind = Int.random(in: 0...99, using: &random)
            let name: String
            switch kind {
            case 0..<45:
                name = "add"
                let seconds = Int64.random(in: 3600...100_000, using: &random)
                put(&model, target, action, now + .seconds(seconds), now)
                _ = try engine.add(
                    target, action: action, duration: .seconds(seconds), reason: "r", now: now,
                    actor: "test", force: false)
            case 45..<60:
                name = "extend"
                guard let key = model.ends.keys.randomElement(using: &random) else { continue }
                let end = now + .seconds(Int.random(in: 3600...200_000, using: &random))
                put(&model, key.target, key.action, end, now)
                let rule = QuarantineRule(
                    id: "x", target: key.target, action: key.action, expires: end, reason: "r")
                _ = try engine.perform(
                    [QuarantineDecision(.extend, rule, time: now)], now: now)
            case 60..<88:
                name = "release"
                let hit = model.ends.keys.filter { target.covers($0.target) }
                for key in hit { model.ends[key] = nil }
                _ = try? engine.release(target, reason: "r", now: now, actor: "test")
            case 88..<92:
                name = "expire"
                try expire(&engine, &model, target, action)
            case 92..<96:
                name = "crash"
                try crash(&engine, &model, &random, space, target)
            case 96..<98:
                name = "vandal"
                try vandal.remove()
                _ = try engine.reconcile(now: now, cause: "removed by somebody")
            case 98:
                name = "flush"
                model.ends = [:]
                _ = try engine.flush(reason: "r", now: now, actor: "test")
            default:
                name = "reconcile"
                _ = try engine.reconcile(now: now, cause: "now and then")
            }
            counts[name, default: 0] += 1
            slowest = max(slowest, Clock.now() - now)
            let found = try difference(&engine.actuator.firewall, model, slowest: slowest)
            if let difference = found {
                Issue.record("seed \(seed) step \(step) \(name) \(target): \(difference)")
                return
            }
        }
        print("seed \(seed): \(counts.sorted { $0.key < $1.key })")
    }

    /// Adds a short fence and waits until it expires.
    private func expire(
        _ engine: inout QuarantineEngine<FusedFirewall>, _ model: inout Model,
        _ target: QuarantineTarget, _ action: QuarantineRule.Action
    ) throws {
        let now = Clock.now()
        let end = now + .milliseconds(20)
        put(&model, target, action, end, now)
        let rule = QuarantineRule(
            id: "s", target: target, action: action, created: now, expires: end, reason: "short")
        _ = try engine.perform([QuarantineDecision(.add, rule, time: now)], now: now)
        while Clock.now() < end { usleep(5000) }
        _ = try engine.expire(now: Clock.now())
    }

    /// Starts an operation, crashes at a random point of it, and restarts.
    private func crash(
        _ engine: inout QuarantineEngine<FusedFirewall>, _ model: inout Model,
        _ random: inout SeededGenerator, _ space: Namespace, _ target: QuarantineTarget
    ) throws {
        let fuse = engine.actuator.fuse
        let now = Clock.now()
        let isAdding = Bool.random(using: &random)
        let end = now + .seconds(500)
        let fuseLength = Int.random(in: 1...6, using: &random)
        fuse.set(fuseLength)
        if isAdding {
            _ = try? engine.add(
                target, action: .drop, duration: .seconds(500), reason: "r", now: now,
                actor: "test",
                force: false)
        } else {
            _ = try? engine.release(target, reason: "r", now: now, actor: "test")
        }
        fuse.set(.max)
        // Rules written before the crash apply; the first write is steps 1 and 2.
        if fuseLength > 1, isAdding {
            put(&model, target, .drop, end, now)
        } else if fuseLength > 1 {
            for key in model.ends.keys where target.covers(key.target) { model.ends[key] = nil }
        }
        guard let ledger = engine.ledger as? MemoryLedger else { return }
        engine = try space.engine(ledger)
        _ = try engine.reconcile(now: Clock.now(), cause: "start")
    }
}
