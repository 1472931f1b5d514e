import ControlServer
import ModelFiles
import Quarantine
import TextFormats
import Timestamps

extension ControlClient {
    /// What an operator should know who has called an incident benign: what is ordinary from now
    /// on, what is not, and which fences of it are still in force.
    ///
    /// - Parameter id: of the incident's first alert, or of another alert.
    func effectText(of id: String, _ effect: FeedbackEffect?) async -> String {
        guard let effect else { return "" }
        guard let incident = try? await incident(id)?.incident else {
            return effect.text(of: "its workload")
        }
        let fences = (try? await rules()) ?? []
        let own = fences.filter {
            $0.isInForce
                && ($0.rule.id == incident.quarantineId
                    || "\($0.rule.target)" == incident.offender)
        }
        let name = incident.workload == "outside" ? incident.offender : incident.workload
        let lines = own.map { fence in
            let until = UTC.moment(Int64(fence.rule.expires.second))
            return "still fenced: \(fence.rule.target) until \(until); "
                + "release it: \(fence.rule.undo)\n"
        }
        return effect.text(of: name) + lines.joined()
    }
}
