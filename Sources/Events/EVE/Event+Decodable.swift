public import AnomalyDetection
import AttackPatterns
import BaselineGraph
import FeatureExtraction
import Indicators
public import FoundationEssentials
import NetworkAddresses
import Quarantine
import RuntimeEvents
import SenderAttribution
import TextFormats
import Timestamps

/// The reason why a line is not an event that this program knows.
public enum EVEError: Error, Equatable, Sendable, CustomStringConvertible {
    case tooLong(byteCount: Int)
    /// The event type of another program, or of a later version.
    case unknownType(String)
    case malformed(String)

    public var description: String {
        switch self {
        case .tooLong(let count): "\(count) bytes are too many for an event"
        case .unknownType(let type): "events of type '\(type)' are not known here"
        case .malformed(let why): why
        }
    }
}

extension Event {
    /// The most bytes of a line that are parsed.
    public static let longestLine = 1 << 20

    /// Parses a line of EVE JSON.
    ///
    /// Unknown keys are ignored. Numbers are as precise as those that `eve` writes.
    public init(eve line: Data) throws(EVEError) {
        guard line.count <= Self.longestLine else { throw .tooLong(byteCount: line.count) }
        do {
            self = try JSONDecoder().decode(Event.self, from: line)
        } catch let error as EVEError {
            throw error
        } catch {
            throw .malformed(Self.words(error))
        }
    }

    private static func words(_ error: any Error) -> String {
        switch error {
        case DecodingError.keyNotFound(let key, _): "'\(key.stringValue)' is missing"
        case DecodingError.typeMismatch(_, let context),
            DecodingError.valueNotFound(_, let context),
            DecodingError.dataCorrupted(let context):
            context.codingPath.isEmpty
                ? "not a JSON object"
                : "'\(context.codingPath.map(\.stringValue).joined(separator: "."))' means nothing"
        default: "\(error)"
        }
    }
}

extension Event: Decodable {
    fileprivate enum Key: String, CodingKey {
        case timestamp, proto, alert, lazaret, stats
        case type = "event_type"
        case sourcePort = "src_port"
        case destination = "dest_ip"
        case destinationPort = "dest_port"
        case capture = "pcap_filename"
        case interface = "in_iface"
        case captureFile = "capture_file"
    }

    public init(from decoder: any Decoder) throws {
        let line = try decoder.container(keyedBy: Key.self)
        let type = try line.decode(String.self, forKey: .type)
        guard let kind = Kind(rawValue: type) else { throw EVEError.unknownType(type) }
        let payload: Payload =
            switch kind {
            case .alert: .alert(try Alert(line))
            case .quarantine:
                .quarantine(try line.decode(QuarantineChange.self, forKey: .lazaret))
            case .response: .response(try line.decode(ResponseChange.self, forKey: .lazaret))
            case .runtime: .runtime(try line.decode(RuntimeReport.self, forKey: .lazaret))
            case .stats: .stats(try line.decode(Statistics.self, forKey: .stats))
            }
        self.init(time: try line.time(.timestamp), payload)
    }
}

extension Event.Alert {
    private enum RuleKey: String, CodingKey { case action, signature, category, severity }

    private enum Key: String, CodingKey {
        case workload, offender, mac, score, threshold, baseline, pattern, technique, reasons
        case indicators, image, decision, evidence, port, handshakes, forged, resets, muted
        case runtimeEvents = "runtime_events"
        case eventID = "event_id"
        case windowStart = "window_start"
        case windowEnd = "window_end"
        case scale = "scale_s"
        case pValue = "p_value"
        case modelID = "model_id"
        case quarantineID = "quarantine_id"
        case evidenceMinutes = "evidence_minutes"
        case evidenceLog10 = "evidence_log10"
        case evidenceLineLog10 = "evidence_line_log10"
    }

    fileprivate init(_ line: KeyedDecodingContainer<Event.Key>) throws {
        let details = try line.nestedContainer(keyedBy: Key.self, forKey: .lazaret)
        let rule = try line.nestedContainer(keyedBy: RuleKey.self, forKey: .alert)
        let seconds = try details.decode(Int.self, forKey: .scale)
        guard let scale = Scale.allCases.first(where: { $0.seconds == seconds }) else {
            throw details.meaningless(.scale)
        }
        // A pattern of a later version appears only in signature and technique.
        let pattern = try details.decodeIfPresent(String.self, forKey: .pattern)
            .flatMap(Pattern.init(named:))
        self.init(
            identifier: try details.decodeIfPresent(String.self, forKey: .eventID),
            looksLike: pattern,
            severity: Event.Severity(rawValue: try rule.decode(Int.self, forKey: .severity))
                ?? .informational,
            offender: try details.decode(String.self, forKey: .offender) == "unknown"
                ? .unspecified : try details.parse(.offender),
            workload: try details.decode(String.self, forKey: .workload), scale: scale,
            score: try details.decode(Double.self, forKey: .score))
        self.pattern = pattern
        signature = try rule.decode(String.self, forKey: .signature)
        category = try rule.decode(String.self, forKey: .category)
        isBlocked = try rule.decode(String.self, forKey: .action) == "blocked"
        technique = try details.decodeIfPresent(String.self, forKey: .technique)
        link = try details.parseIfPresent(.mac)
        contact = try Contact(line)
        origin = try Origin(line)
        captureFile = try line.decodeIfPresent(String.self, forKey: .captureFile)
        window = try Self.window(details)
        pValue = try details.decodeIfPresent(Double.self, forKey: .pValue)
        threshold = try details.decodeIfPresent(Double.self, forKey: .threshold)
        baseline = try details.decodeIfPresent(String.self, forKey: .baseline)
        modelID = try details.decodeIfPresent(String.self, forKey: .modelID)
        reasons = try details.decode([Reason].self, forKey: .reasons)
        indicators = try details.decodeIfPresent([IndicatorHit].self, forKey: .indicators) ?? []
        image = try details.decodeIfPresent(Image.self, forKey: .image)
        runtimeEvents =
            try details.decodeIfPresent([RuntimeEvent].self, forKey: .runtimeEvents) ?? []
        decision = try details.decodeIfPresent(String.self, forKey: .decision)
            .flatMap(Decision.init)
        quarantineID = try details.decodeIfPresent(String.self, forKey: .quarantineID)
        isMuted = try details.decodeIfPresent(Bool.self, forKey: .muted) ?? false
        attribution = try Self.attribution(details)
        target = try AttackTarget(
            try line.nestedContainer(keyedBy: TargetKey.self, forKey: .lazaret))
        running = try Self.running(details)
    }

    private static func running(
        _ details: KeyedDecodingContainer<Key>
    ) throws -> RunningEvidence? {
        guard let minutes = try details.decodeIfPresent(Int.self, forKey: .evidenceMinutes),
            let log10 = try details.decodeIfPresent(Double.self, forKey: .evidenceLog10),
            let line = try details.decodeIfPresent(Double.self, forKey: .evidenceLineLog10)
        else { return nil }
        return RunningEvidence(minutes: minutes, log10: log10, lineLog10: line)
    }

    private static func attribution(
        _ details: KeyedDecodingContainer<Key>
    ) throws -> Attribution? {
        let word = try details.decodeIfPresent(String.self, forKey: .evidence)
        guard let evidence = word.flatMap(Evidence.init) else { return nil }
        return Attribution(
            evidence: evidence, portName: try details.decodeIfPresent(String.self, forKey: .port),
            handshakes: try details.decodeIfPresent(Int.self, forKey: .handshakes) ?? 0,
            forgedFrames: try details.decodeIfPresent(Int.self, forKey: .forged) ?? 0,
            resets: try details.decodeIfPresent(Int.self, forKey: .resets) ?? 0)
    }

    /// The range of seconds that a timestamp can represent.
    private static let seconds =
        Timestamp.distantPast.second + 1...Timestamp.distantFuture.second

    private static func window(_ details: KeyedDecodingContainer<Key>) throws -> Range<Int>? {
        guard let start = try details.decodeIfPresent(Int.self, forKey: .windowStart),
            let end = try details.decodeIfPresent(Int.self, forKey: .windowEnd)
        else { return nil }
        guard seconds.contains(start), seconds.contains(end), start <= end else {
            throw details.meaningless(.windowEnd)
        }
        return start..<end
    }
}

/// The keys of an alert's or incident's target.
enum TargetKey: String, CodingKey {
    case target
    case workload = "target_workload"
    case proto = "target_proto"
    case port = "target_port"
    case addresses = "target_addresses"
    case ports = "target_ports"
    case pairs = "target_pairs"
}

extension AttackTarget {
    /// Nil where there is no target. Earlier versions wrote its address only.
    init?(_ object: KeyedDecodingContainer<TargetKey>) throws {
        let address: IPAddress? = try object.parseIfPresent(.target)
        guard address != nil || object.contains(.addresses) else { return nil }
        func count(_ key: TargetKey) throws -> Int {
            max(1, try object.decodeIfPresent(Int.self, forKey: key) ?? 1)
        }
        self.init(
            address: address,
            workload: try object.decodeIfPresent(String.self, forKey: .workload),
            ipProtocol: try object.decodeIfPresent(String.self, forKey: .proto)
                .flatMap(Service.protocolNumber),
            port: try object.decodeIfPresent(UInt16.self, forKey: .port),
            addressCount: try count(.addresses), portCount: try count(.ports),
            pairCount: try count(.pairs))
    }
}

extension AttackTarget.Host: Decodable {
    private enum Key: String, CodingKey { case address, workload }

    public init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        self.init(
            address: try object.parse(.address),
            workload: try object.decodeIfPresent(String.self, forKey: .workload))
    }
}

extension Event.Alert.Contact {
    fileprivate init?(_ line: KeyedDecodingContainer<Event.Key>) throws {
        guard let address: IPAddress = try line.parseIfPresent(.destination) else { return nil }
        guard let number = Service.protocolNumber(try line.decode(String.self, forKey: .proto))
        else { throw line.meaningless(.proto) }
        self.init(
            address: address, ipProtocol: number,
            sourcePort: try line.decodeIfPresent(UInt16.self, forKey: .sourcePort),
            port: try line.decodeIfPresent(UInt16.self, forKey: .destinationPort))
    }
}

extension Event.Alert.Origin {
    fileprivate init?(_ line: KeyedDecodingContainer<Event.Key>) throws {
        if let name = try line.decodeIfPresent(String.self, forKey: .capture) {
            self = .capture(name)
        } else if let name = try line.decodeIfPresent(String.self, forKey: .interface) {
            self = .interface(name)
        } else {
            return nil
        }
    }
}

extension Event.Alert.Reason: Decodable {
    private enum Key: String, CodingKey {
        case feature, value, unit, share, text
        case median = "baseline_p50"
        case p99 = "baseline_p99"
    }

    /// Earlier versions wrote only the sentence where there is no measurement.
    public init(from decoder: any Decoder) throws {
        if let text = try? decoder.singleValueContainer().decode(String.self) {
            self.init(text: text)
            return
        }
        let object = try decoder.container(keyedBy: Key.self)
        guard object.contains(.feature) else {
            self.init(text: try object.decode(String.self, forKey: .text))
            return
        }
        self.init(
            text: try object.decode(String.self, forKey: .text),
            measurement: Event.Alert.Measurement(
                feature: try object.decode(String.self, forKey: .feature),
                value: try object.decode(Double.self, forKey: .value),
                unit: try object.decode(String.self, forKey: .unit),
                baselineMedian: try object.decodeIfPresent(Double.self, forKey: .median),
                baselineP99: try object.decodeIfPresent(Double.self, forKey: .p99),
                share: try object.decodeIfPresent(Double.self, forKey: .share)))
    }
}

extension Event.QuarantineChange: Decodable {
    private enum Key: String, CodingKey {
        case action, target, response, until, reason, workload, undo, failure
        case quarantineID = "quarantine_id"
        case refusal = "refused_because"
        case eventID = "event_id"
        case isDryRun = "dry_run"
    }

    public init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        let word = try object.decode(String.self, forKey: .action)
        guard let action = Action(word: word) else { throw object.meaningless(.action) }
        guard
            let response = QuarantineRule.Action(
                rawValue: try object.decode(String.self, forKey: .response))
        else { throw object.meaningless(.response) }
        self.init(
            quarantineID: try object.decode(String.self, forKey: .quarantineID), action: action,
            target: try object.parse(.target), response: response, until: try object.time(.until),
            reason: try object.decode(String.self, forKey: .reason),
            undo: try object.decode(String.self, forKey: .undo))
        refusal = try object.decodeIfPresent(String.self, forKey: .refusal)
        eventID = try object.decodeIfPresent(String.self, forKey: .eventID)
        workload = try object.decodeIfPresent(String.self, forKey: .workload)
        isDryRun = try object.decode(Bool.self, forKey: .isDryRun)
        failure = try object.decodeIfPresent(String.self, forKey: .failure)
    }
}

extension Event.ResponseChange: Decodable {
    private enum Key: String, CodingKey {
        case entry, action, state, target, object, workload, detail
        case quarantineID = "quarantine_id"
        case eventID = "event_id"
    }

    public init(from decoder: any Decoder) throws {
        let object = try decoder.container(keyedBy: Key.self)
        guard let state = State(rawValue: try object.decode(String.self, forKey: .state)) else {
            throw object.meaningless(.state)
        }
        self.init(
            entry: try object.decode(String.self, forKey: .entry),
            action: try object.decode(String.self, forKey: .action), state: state,
            quarantineID: try object.decode(String.self, forKey: .quarantineID),
            target: try object.decode(String.self, forKey: .target),
            object: try object.decode(String.self, forKey: .object),
            workload: try object.decodeIfPresent(String.self, forKey: .workload),
            eventID: try object.decodeIfPresent(String.self, forKey: .eventID),
            detail: try object.decode(String.self, forKey: .detail))
    }
}

extension KeyedDecodingContainer {
    func parse<T: LosslessStringConvertible>(_ key: Key) throws -> T {
        guard let value = T(try decode(String.self, forKey: key)) else { throw meaningless(key) }
        return value
    }

    func parseIfPresent<T: LosslessStringConvertible>(_ key: Key) throws -> T? {
        contains(key) ? try parse(key) as T : nil
    }

    func time(_ key: Key) throws -> Timestamp {
        guard let time = UTC.time(try decode(String.self, forKey: key)), time >= .epoch else {
            throw meaningless(key)
        }
        return time
    }

    func meaningless(_ key: Key) -> DecodingError {
        .dataCorruptedError(forKey: key, in: self, debugDescription: "")
    }
}
