import FoundationEssentials
import Glibc
import NetworkAddresses
import SystemSupport

/// A file of EVE lines, looked through without reading it into memory.
package struct EVEReader {
    package let path: String
    private let data: Data

    /// - Throws: `.input` with the system's words.
    package init(_ path: String) throws {
        self.path = path
        do {
            try checkReadable(path)
            data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        } catch {
            throw IOError.input(path: path, reason: "\(error)")
        }
    }

    /// The parts of an alert that say why.
    package struct Alert: Decodable {
        package struct Details: Decodable {
            package struct Reason: Decodable {
                package var feature: String
                package var value: Float
                package var unit: String?
                package var baseline_p50: Float?
                package var baseline_p99: Float?
                package var share: Float?
                package var text: String?
            }

            package var event_id: String
            package var workload: String
            package var offender: String
            package var mac: String?
            package var window_start: Int?
            package var window_end: Int?
            package var scale_s: Int
            package var score: Double?
            package var p_value: Double?
            package var threshold: Double?
            package var baseline: String?
            package var model_id: String?
            package var pattern: String?
            package var technique: String?
            package var reasons: [Reason]
            package var decision: String?
            package var quarantine_id: String?
        }

        package var timestamp: String
        package var dest_ip: String?
        package var dest_port: UInt16?
        package var proto: String?
        package var pcap_filename: String?
        package var in_iface: String?
        package var capture_file: String?
        package var lazaret: Details
    }

    /// What was done, or would have been.
    package struct Fence: Decodable {
        package struct Details: Decodable {
            package var quarantine_id: String
            package var action: String
            package var target: String
            package var response: String
            package var until: String
            package var undo: String?
            package var dry_run: Bool
            package var failure: String?
        }

        package var timestamp: String
        package var lazaret: Details
    }

    /// A flow, as this program and Suricata write it.
    package struct Flow: Decodable {
        package struct Counters: Decodable {
            package var pkts_toserver: UInt64
            package var pkts_toclient: UInt64
            package var bytes_toserver: UInt64
            package var bytes_toclient: UInt64
            package var start: String
            package var end: String
            package var state: String?
        }

        package var src_ip: String
        package var src_port: UInt16?
        package var dest_ip: String
        package var dest_port: UInt16?
        package var proto: String
        package var community_id: String?
        package var flow: Counters
    }

    /// The alert with this identifier.
    ///
    /// - Throws: `.input` where there is none.
    package func alert(_ eventID: String) throws -> Alert {
        var found: Alert?
        forEachLine(holding: "\"\(eventID)\"") { line in
            // Fences carry the identifier of their alert; they are not it.
            if let alert = try? JSONDecoder().decode(Alert.self, from: line),
                alert.lazaret.event_id == eventID
            {
                found = alert
            }
            return found == nil
        }
        guard let found else {
            throw IOError.input(
                path: path,
                reason: isEVE
                    ? "holds no alert with event_id \(eventID); name the file with --events"
                    : "holds no EVE events; 'lazaret replay --format eve -o FILE' and the monitor write them"
            )
        }
        return found
    }

    /// Whether any line is an event.
    private var isEVE: Bool {
        struct Line: Decodable { var event_type: String }
        var isFound = false
        forEachLine(holding: "\"event_type\"") { line in
            isFound = (try? JSONDecoder().decode(Line.self, from: line)) != nil
            return !isFound
        }
        return isFound
    }

    /// Everything that was done with a fence, in the file's order.
    package func fences(_ quarantineID: String) -> [Fence] {
        var found: [Fence] = []
        forEachLine(holding: "\"\(quarantineID)\"") { line in
            if let fence = try? JSONDecoder().decode(Fence.self, from: line) { found.append(fence) }
            return true
        }
        return found
    }

    /// Hands the flows that an address opened to `body`.
    package func forEachFlow(from address: String, _ body: (Flow) -> Void) {
        forEachLine(holding: "\"src_ip\":\"\(address)\"") { line in
            if let flow = try? JSONDecoder().decode(Flow.self, from: line) { body(flow) }
            return true
        }
    }

    /// Hands the lines with `mark` in them to `body`, which says whether to go on.
    private func forEachLine(holding mark: String, _ body: (Data) -> Bool) {
        let mark = Array(mark.utf8)
        let newline = UInt8(ascii: "\n")
        // SAFETY: all places lie within the bytes, which live until the closure returns.
        unsafe data.withUnsafeBytes { bytes in
            var at = 0
            while let hit = unsafe Self.find(mark, in: bytes, from: at) {
                let start = unsafe bytes[at..<hit].lastIndex(of: newline).map { $0 + 1 } ?? at
                let end = unsafe bytes[hit...].firstIndex(of: newline) ?? bytes.count
                guard unsafe body(Data(bytes[start..<end])) else { return }
                at = end + 1
            }
        }
    }

    /// Where `mark` begins; `Data.range(of:)` takes milliseconds for each hit in a large file.
    private static func find(
        _ mark: [UInt8], in bytes: UnsafeRawBufferPointer, from: Int
    ) -> Int? {
        guard let base = bytes.baseAddress, let first = mark.first else { return nil }
        var at = from
        while at + mark.count <= bytes.count {
            // SAFETY: both calls stay within the bytes that are left.
            let left = bytes.count - mark.count + 1 - at
            guard let hit = unsafe memchr(base + at, Int32(first), left) else { return nil }
            at = unsafe base.distance(to: UnsafeRawPointer(hit))
            if unsafe memcmp(base + at, mark, mark.count) == 0 { return at }
            at += 1
        }
        return nil
    }
}
