import TestKit

extension Scratch {
    /// The alerts of a pattern in the file of a monitor's events.
    func alerts(named pattern: String) -> [[String: Any]] {
        events.filter {
            ($0["lazaret"] as? [String: Any])?["pattern"] as? String == pattern
        }
    }
}
