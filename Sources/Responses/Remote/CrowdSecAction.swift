internal import CrowdSec
internal import NetworkAddresses
internal import Quarantine
internal import SystemSupport
internal import TextFormats
internal import Timestamps

/// A decision for CrowdSec, as the ledger keeps it; the password stays in its file.
struct CrowdSecPlan: LedgerPlan, Equatable {
    var url: String
    var machine: String
    var passwordFile: String
    var authoritiesFile: String?
    var seconds: Int64
    var ban: Ban

    /// Nil: the entry is not meant for the rule's target. Workloads and private addresses are
    /// pushed only if the entry asks for it, and decisions of CrowdSec are never pushed back.
    ///
    /// - Parameter isInside: whether the target is of a network or a workload of this node.
    init?(_ entry: ResponseEntry, _ rule: QuarantineRule, isInside: Bool) {
        guard let prefix = rule.target.prefix, !rule.isAdopted, !prefix.isWide,
            entry.sharesPrivate == true || !isInside && !prefix.hasSpecialAddress
        else { return nil }
        url = entry.url ?? ""
        machine = entry.machine ?? ""
        passwordFile = entry.passwordFile ?? ""
        authoritiesFile = entry.authoritiesFile
        seconds = Int64((entry.timeout ?? .seconds(10)).wholeSeconds)
        let reason = rule.reason.printable.prefix(120)
        ban = Ban(
            value: prefix.isHost ? "\(prefix.address)" : "\(prefix)", isRange: !prefix.isHost,
            type: "ban",
            mark: "lazaret \(HostName.text) \(rule.id) \(entry.name) \(rule.target): \(reason)")
    }

    var account: Machine {
        var api = LocalAPI(url: url)
        api.authoritiesFile = authoritiesFile
        api.seconds = seconds
        return Machine(api: api, name: machine, passwordFile: passwordFile)
    }

    /// The command that deletes the decision without a monitor, and none of others.
    var command: String {
        Shell.line([
            "cscli", "decisions", "delete", "--scenario", Ban.scenario,
            ban.isRange ? "--range" : "--ip", ban.value,
        ])
    }

    /// Why a rule's target is not pushed; nil if it is.
    static func doubt(about rule: QuarantineRule) -> String? {
        if rule.isByHand || ["handshake", "port"].contains(rule.evidence) { return nil }
        return "the offender's address is not proven by a handshake, so it is not pushed"
    }
}

/// Pushes one decision on an offender to CrowdSec, so that its bouncers at the border act, and
/// deletes it at the end of the fence.
struct CrowdSecAction: ResponseAction {
    let isRenewed = true
    /// The time by which the ledger counts.
    let clock: @Sendable () -> Timestamp

    func prepare(
        _ record: ResponseRecord, _ rails: ResponseRails
    ) async throws(ResponseError) -> String {
        if let prefix = IPPrefix(record.target), let why = rails.objection(to: prefix) {
            throw .notNeeded(why)
        }
        return record.undo
    }

    func apply(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try CrowdSecPlan(record)
        let rest = record.expires - clock()
        do throws(CrowdSecError) {
            // It may be there already, because an earlier answer was lost.
            if try await plan.account.find(plan.ban) == nil {
                _ = try await plan.account.add(plan.ban, for: rest, at: Clock.now())
            }
        } catch { throw .failed("\(error)") }
        return nil
    }

    func effect(of record: ResponseRecord) async throws(ResponseError) -> ResponseEffect {
        // It is about to end by itself.
        guard record.expires - clock() > .seconds(5) else { return .whole }
        let plan = try CrowdSecPlan(record)
        let found: [StoredDecision]?
        do throws(CrowdSecError) {
            // By its mark, since a decision that was added again has another number.
            guard let alert = try await plan.account.find(plan.ban) else { return .none }
            found = try await plan.account.decisions(of: plan.ban, in: alert)
        } catch { throw .failed("\(error)") }
        guard let found else { return .none }
        if found.contains(where: { $0.simulated == true }) {
            throw .failed("the Local API only simulates: bouncers do not get the decision")
        }
        return found.contains(where: \.isActive) ? .whole : .none
    }

    func undo(_ record: ResponseRecord) async throws(ResponseError) -> String? {
        let plan = try CrowdSecPlan(record)
        let account = plan.account
        do throws(CrowdSecError) {
            var count = 0
            // A lost answer may have left a second one.
            for _ in 0..<10 {
                guard let alert = try await account.find(plan.ban) else {
                    return count == 0 && record.expires > clock()
                        ? "it was not there any more" : nil
                }
                let found = try await account.decisions(of: plan.ban, in: alert) ?? []
                for decision in found where decision.isActive {
                    try await account.delete(decision.id)
                    count += 1
                }
            }
        } catch { throw .failed("\(error)") }
        throw .failed("it was deleted and is still there")
    }
}
