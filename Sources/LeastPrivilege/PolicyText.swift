import BaselineGraph
import TextFormats

/// A policy in a program's format.
public struct PolicyText: Sendable, Equatable {
    public var text: String
    /// What the format cannot express, and what it takes for granted.
    public var remarks: [String]
}

extension String {
    /// The text as a comment, which it cannot end: names come from containers and captures.
    var asComment: String { printable.replacing("\\", with: " ") }

    /// The text as a name of letters, digits and hyphens, of at most `limit` characters; not empty.
    ///
    /// - Parameter kept: further bytes that the name may contain, except at its ends.
    func asName(limit: Int, isLowercase: Bool = false, keeping kept: Set<UInt8> = []) -> String {
        var name: [UInt8] = []
        for byte in (isLowercase ? lowercased() : self).utf8 {
            if byte.isLetterOrDigit || kept.contains(byte) && !name.isEmpty {
                name.append(byte)
            } else if let last = name.last, last != 0x2D {
                name.append(0x2D)
            }
        }
        name = Array(name.prefix(limit))
        while let last = name.last, !last.isLetterOrDigit { name.removeLast() }
        return name.isEmpty ? "workload" : String(decoding: name, as: UTF8.self)
    }
}

extension UInt8 {
    /// Whether it is a letter or digit of ASCII.
    var isLetterOrDigit: Bool {
        switch self {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: true
        default: false
        }
    }
}

extension Set<UInt8> {
    /// Point and underscore.
    static let pointAndUnderscore: Self = [0x2E, 0x5F]
}

/// Names that are given once.
struct UniqueNames {
    private var taken: Set<String> = []

    /// The name, or with a number if it was given before.
    mutating func take(_ name: String) -> String {
        var candidate = name
        var number = 2
        while !taken.insert(candidate).inserted {
            candidate = "\(name)-\(number)"
            number += 1
        }
        return candidate
    }
}

extension Service {
    /// `5432`, or `32768-65535`.
    var portText: String {
        ports.count == 1 ? "\(port)" : "\(ports.lowerBound)-\(ports.upperBound)"
    }
}
