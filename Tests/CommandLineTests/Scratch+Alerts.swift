import Foundation
import TestKit

extension Scratch {
    /// The alerts of a pattern in the file of a monitor's events.
    func alerts(named pattern: String) -> [[String: Any]] {
        let text = (try? String(contentsOfFile: path("eve.json"), encoding: .utf8)) ?? ""
        return text.split(separator: "\n").compactMap {
            let event = try? JSONSerialization.jsonObject(with: Data($0.utf8))
            let details = (event as? [String: Any])?["lazaret"] as? [String: Any]
            return details?["pattern"] as? String == pattern ? event as? [String: Any] : nil
        }
    }
}
