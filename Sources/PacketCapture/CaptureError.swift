/// Why packets could not be captured or read. Each description is one line with the problem, the
/// place and the remedy.
public enum CaptureError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The file could not be opened; the reason is the system's text.
    case open(path: String, reason: String)
    case isDirectory(path: String)
    case notACapture(path: String)
    case empty(path: String)
    /// The header is that of a capture, but of an unsupported version or variant.
    case unsupportedFormat(path: String, what: String)
    case unsupportedLinkType(path: String, name: String)
    case read(path: String, reason: String)
    /// libpcap's compiler refused the filter.
    case filter(expression: String, reason: String)
    /// A signal has stopped the reading.
    case interrupted
    /// A live source refused an operation.
    case device(name: String, operation: String, reason: String)

    public var description: String {
        switch self {
        case .open(let path, let reason):
            "\(path): cannot be opened: \(reason); check the path and its permissions"
        case .isDirectory(let path):
            "\(path): is a directory; name the capture files in it"
        case .notACapture(let path):
            "\(path): is not a pcap or pcapng capture; record one with 'tcpdump -w FILE'"
        case .empty(let path):
            "\(path): is empty, without even a capture's header; record it again"
        case .unsupportedFormat(let path, let what):
            "\(path): \(what); convert it with 'editcap -F pcapng IN OUT'"
        case .unsupportedLinkType(let path, let name):
            "\(path): link type \(name) is not supported; capture on an Ethernet, cooked, "
                + "loopback or raw IP interface"
        case .read(let path, let reason):
            "\(path): cannot be read: \(reason)"
        case .filter(let expression, let reason):
            "filter '\(expression)': \(reason); see 'man pcap-filter'"
        case .interrupted:
            "interrupted; nothing was written"
        case .device(let name, let operation, let reason):
            "interface \(name): \(operation): \(reason)"
        }
    }
}

/// A problem of a capture whose complete packets were used nevertheless.
public struct CaptureWarning: Equatable, Sendable, CustomStringConvertible {
    public enum Kind: Equatable, Sendable {
        /// The file ends inside a record, or inside what is compressed, as when its writer was
        /// killed.
        case cut
        /// A record is invalid, so the rest of the file cannot be read.
        case damaged(String)
        /// Frames of an unsupported link type were skipped.
        case skippedLinkType(String, frames: UInt64)
    }

    public let path: String
    public let kind: Kind
    /// The number of complete packets before it.
    public let packets: UInt64

    /// Whether packets after an invalid record are missing.
    public var isDamage: Bool { if case .damaged = kind { true } else { false } }

    public var description: String {
        switch kind {
        case .cut:
            "\(path): the file is cut off inside a record; its \(packets) whole packets were used"
        case .damaged(let what):
            "\(path): \(what); the \(packets) packets before it were used"
        case .skippedLinkType(let name, let frames):
            "\(path): \(frames) frames of link type \(name) are not supported and were left out"
        }
    }
}
