import AnomalyDetection
import FeatureExtraction
import FoundationEssentials
import Glibc
import SystemSupport
import Timestamps

/// A file of EVE lines, searched without reading it into memory.
package struct EVEReader {
    package let path: String
    private let data: Data

    /// - Throws: `.input` with the system's message.
    package init(_ path: String) throws {
        self.path = path
        do {
            try Files.checkReadable(path)
            data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        } catch {
            throw IOError.input(path: path, reason: "\(error)")
        }
    }

    /// Events that were read from elsewhere, one a line.
    ///
    /// - Parameter name: names their source in errors.
    package init(lines: [String], name: String) {
        path = name
        data = Data(lines.joined(separator: "\n").utf8)
    }

    /// The alert with this identifier.
    ///
    /// - Throws: `.input` if it is not found or cannot be read.
    package func alert(_ identifier: String) throws -> (event: Event, alert: Event.Alert) {
        var found: (Event, Event.Alert)?
        var unreadable: EVEError?
        forEachLine(holding: "\"\(identifier)\"") { line in
            do throws(EVEError) {
                let event = try Event(eve: line)
                // Quarantine changes also contain the identifier of their alert.
                if case .alert(let alert) = event.payload, alert.identifier == identifier {
                    found = (event, alert)
                }
            } catch { unreadable = unreadable ?? error }
            return found == nil
        }
        if let found { return found }
        let reason =
            if let unreadable {
                "event \(identifier) cannot be read: \(unreadable)"
            } else if hasEvents {
                "holds no alert with event_id \(identifier); name the file with --events"
            } else {
                "holds no EVE events; 'lazaret replay --format eve -o FILE' and the monitor "
                    + "write them"
            }
        throw IOError.input(path: path, reason: reason)
    }

    /// The incident that begins with this alert, of a file of incidents as 'replay --format json'
    /// writes them; nil: there is none.
    package func incident(_ identifier: String) -> IncidentSummary? {
        var found: IncidentSummary?
        let decoder = JSONDecoder()
        forEachLine(holding: "\"\(identifier)\"") { line in
            if let incident = try? decoder.decode(IncidentSummary.self, from: line),
                incident.eventID == identifier
            {
                found = incident
            }
            return found == nil
        }
        return found
    }

    /// The alerts of the incident that begins with an alert, in file order; that alert alone if the
    /// incident began before it.
    package func alerts(since first: Event.Alert) -> [Event.Alert] {
        // Of each incident of this offender.
        var incidents: [[Event.Alert]] = []
        var last = Int.min / 2
        forEachLine(holding: "\"\(first.offender)\"") { line in
            guard let event = try? Event(eve: line), case .alert(let alert) = event.payload,
                alert.offender == first.offender, alert.workload == first.workload
            else { return true }
            let quiet = event.time.second - last - alert.scale.seconds
            if quiet > IncidentTracker.quietSeconds { incidents.append([]) }
            incidents[incidents.count - 1].append(alert)
            last = event.time.second
            return true
        }
        return incidents.first { $0.first?.identifier == first.identifier } ?? [first]
    }

    /// Whether one of the first lines is an event.
    private var hasEvents: Bool {
        var (isFound, count) = (false, 0)
        forEachLine(holding: "{") { line in
            count += 1
            do throws(EVEError) {
                _ = try Event(eve: line)
                isFound = true
            } catch .unknownType { isFound = true } catch {}
            return !isFound && count < 100
        }
        return isFound
    }

    /// Every change of a quarantine rule, in file order.
    package func changes(
        ofRule quarantineID: String
    ) -> [(event: Event, change: Event.QuarantineChange)] {
        var found: [(Event, Event.QuarantineChange)] = []
        forEachLine(holding: "\"\(quarantineID)\"") { line in
            if let event = try? Event(eve: line), case .quarantine(let change) = event.payload,
                change.quarantineID == quarantineID
            {
                found.append((event, change))
            }
            return true
        }
        return found
    }

    /// Calls `body` with the flows that an address initiated.
    package func forEachFlow(from address: String, _ body: (EVEFlow) -> Void) {
        let decoder = JSONDecoder()
        forEachLine(holding: "\"src_ip\":\"\(address)\"") { line in
            if let flow = try? decoder.decode(EVEFlow.self, from: line) { body(flow) }
            return true
        }
    }

    /// Calls `body` with each line that contains `mark`, until it returns false. Lines longer than
    /// the longest event are skipped.
    private func forEachLine(holding mark: String, _ body: (Data) -> Bool) {
        let mark = Array(mark.utf8)
        let newline = UInt8(ascii: "\n")
        // SAFETY: all offsets are within the bytes, which are valid until the closure returns.
        unsafe data.withUnsafeBytes { bytes in
            var at = 0
            while let hit = unsafe Self.find(mark, in: bytes, from: at) {
                let start = unsafe bytes[at..<hit].lastIndex(of: newline).map { $0 + 1 } ?? at
                let end = unsafe bytes[hit...].firstIndex(of: newline) ?? bytes.count
                if end - start <= Event.longestLine {
                    guard unsafe body(Data(bytes[start..<end])) else { return }
                }
                at = min(end + 1, bytes.count)
            }
        }
    }

    /// The offset of `mark`; `Data.range(of:)` needs milliseconds for each match in a large file.
    private static func find(
        _ mark: [UInt8], in bytes: UnsafeRawBufferPointer, from: Int
    ) -> Int? {
        guard let base = bytes.baseAddress, let first = mark.first else { return nil }
        var at = from
        while at + mark.count <= bytes.count {
            // SAFETY: both calls stay within the remaining bytes.
            let left = bytes.count - mark.count + 1 - at
            guard let hit = unsafe memchr(base + at, Int32(first), left) else { return nil }
            at = unsafe base.distance(to: UnsafeRawPointer(hit))
            if unsafe memcmp(base + at, mark, mark.count) == 0 { return at }
            at += 1
        }
        return nil
    }
}
