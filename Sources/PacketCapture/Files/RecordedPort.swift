public import NetworkAddresses
public import Timestamps

/// A port as a recording describes it.
public struct RecordedPort: Equatable, Sendable {
    /// The number in the frames of the source.
    public var number: UInt32
    /// The interface's name.
    public var name: String
    /// The kind of interface, for people.
    public var description: String
    /// Whether several hosts may be behind it.
    public var isShared: Bool
    /// The node's own addresses on this interface, when it was first recorded.
    public var addresses: [IPAddress] = []
    /// When the port was gone; nil: this describes it.
    public var goneTime: Timestamp?

    public init(
        number: UInt32, name: String, description: String = "", isShared: Bool = false,
        addresses: [IPAddress] = []
    ) {
        self.addresses = addresses
        self.number = number
        self.name = name
        self.description = description
        self.isShared = isShared
    }

    /// The description in an interface block, for programs.
    func note(run: UInt64) -> String {
        "port \(number) of run \(String(run, radix: 16))" + (isShared ? " shared" : "")
    }

    /// The note in a name block about ports that are gone.
    package static func note(gone ports: [UInt32], run: UInt64, at time: Timestamp) -> String {
        "ports of run \(String(run, radix: 16)) gone at \(time.nanoseconds): "
            + ports.map { "\($0)" }.joined(separator: " ")
    }

    /// Parses such a note; nil for any other text.
    static func parseGone(_ note: Substring) -> (time: Timestamp, run: UInt64, ports: [UInt32])? {
        let words = note.split(separator: " ")
        guard words.count > 6, words[0] == "ports", words[2] == "run", words[4] == "gone",
            let run = UInt64(words[3], radix: 16), let time = Int64(words[6].dropLast())
        else { return nil }
        return (Timestamp(nanoseconds: time), run, words.dropFirst(7).compactMap { UInt32($0) })
    }

    /// Parses the description in an interface block; nil for any other text.
    static func parse(_ note: Substring) -> Origin? {
        let words = note.split(separator: " ")
        guard words.count == 5 || words.count == 6 && words[5] == "shared", words[0] == "port",
            words[2] == "of", words[3] == "run",
            let number = UInt32(words[1]), number > 0, let run = UInt64(words[4], radix: 16)
        else { return nil }
        return Origin(number: number, run: run)
    }

    /// Identifies a port by monitor and number.
    struct Origin: Hashable {
        var number: UInt32
        var run: UInt64
    }
}

/// Numbers of the ports of one or more recordings: those of different monitors differ, and those of
/// one monitor's files are the same.
final class RecordedPorts {
    private var numbers: [RecordedPort.Origin: UInt32] = [:]
    private(set) var fresh: [RecordedPort] = []
    /// When ports were gone that are yet to be described: their last frames were written later.
    private var early: [RecordedPort.Origin: Timestamp] = [:]

    /// The number for frames; 0 where there are too many.
    func number(
        _ origin: RecordedPort.Origin, name: String, description: String, isShared: Bool,
        addresses: [IPAddress]
    ) -> UInt32 {
        if let number = numbers[origin] { return number }
        guard numbers.count < 1 << 20 else { return 0 }
        let number = UInt32(numbers.count + 1)
        numbers[origin] = number
        fresh.append(
            RecordedPort(
                number: number, name: name, description: description, isShared: isShared,
                addresses: addresses))
        if let time = early.removeValue(forKey: origin) {
            gone([origin.number], run: origin.run, at: time)
        }
        return number
    }

    /// Notes that ports of a monitor are gone.
    func gone(_ ports: [UInt32], run: UInt64, at time: Timestamp) {
        for port in ports {
            let origin = RecordedPort.Origin(number: port, run: run)
            guard let number = numbers[origin] else {
                if early.count < 1 << 16 { early[origin] = time }
                continue
            }
            var note = RecordedPort(number: number, name: "")
            note.goneTime = time
            fresh.append(note)
        }
    }

    /// The ports that were added or removed since the last call.
    func takeFresh() -> [RecordedPort] {
        defer { fresh = [] }
        return fresh
    }
}

/// `epb_flags` of a pcapng packet: direction in bits 0 and 1, kind of reception in bits 2 to 4.
struct PacketFlags: RawRepresentable {
    var rawValue: UInt32

    /// From the packet types of packet(7): unicast, broadcast, multicast, other host, outgoing.
    init?(packetType: UInt8) {
        switch packetType {
        case 0: rawValue = 1 | 1 << 2
        case 1: rawValue = 1 | 3 << 2
        case 2: rawValue = 1 | 2 << 2
        case 3: rawValue = 1 | 4 << 2
        case 4: rawValue = 2
        default: return nil
        }
    }

    init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The packet type of packet(7); 255: neither in nor out.
    var packetType: UInt8 {
        switch (rawValue & 3, rawValue >> 2 & 7) {
        case (2, _): 4
        case (1, 3): 1
        case (1, 2): 2
        case (1, 4): 3
        case (1, _): 0
        default: 255
        }
    }
}
