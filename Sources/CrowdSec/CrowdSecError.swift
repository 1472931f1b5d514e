/// Why the Local API of CrowdSec did not do what was asked; no text has a secret.
package enum CrowdSecError: Error, Equatable, Sendable, CustomStringConvertible {
    /// A file with a secret, or the URL, cannot be used.
    case unusable(String)
    /// It does not accept the machine's password, or the bouncer's key.
    case denied(String)
    /// It answered with this status.
    case status(Int, String)
    /// There was no answer, or none that can be read.
    case failed(String)

    package var description: String {
        switch self {
        case .unusable(let reason), .denied(let reason), .failed(let reason): reason
        case .status(let code, let what): "\(what): status \(code)"
        }
    }
}
