import Foundation
import NetworkAddresses
import SystemSupport

/// A file of EVE lines, looked through without reading it into memory.
struct EventFile {
    let path: String
    private let data: Data

    /// - Throws: `.input` with the system's words.
    init(_ path: String) throws {
        self.path = path
        do {
            data = try Data(contentsOf: URL(fileURLWithPath: path), options: .mappedIfSafe)
        } catch {
            throw IOError.input(path: path, reason: OutputFile.reason(error))
        }
    }

    /// The parts of an alert that say why.
    struct Alert: Decodable {
        struct Details: Decodable {
            struct Reason: Decodable {
                var feature: String
                var value: Float
                var unit: String?
                var baseline_p50: Float?
                var baseline_p99: Float?
                var share: Float?
                var text: String?
            }

            var event_id: String
            var workload: String
            var offender: String
            var mac: String?
            var window_start: Int?
            var window_end: Int?
            var scale_s: Int
            var score: Double?
            var p_value: Double?
            var threshold: Double?
            var baseline: String?
            var model_id: String?
            var pattern: String?
            var technique: String?
            var reasons: [Reason]
            var decision: String?
            var quarantine_id: String?
        }

        var timestamp: String
        var dest_ip: String?
        var dest_port: UInt16?
        var proto: String?
        var pcap_filename: String?
        var in_iface: String?
        var capture_file: String?
        var lazaret: Details
    }

    /// What was done, or would have been.
    struct Fence: Decodable {
        struct Details: Decodable {
            var quarantine_id: String
            var action: String
            var target: String
            var response: String
            var until: String
            var undo: String?
            var dry_run: Bool
            var failure: String?
        }

        var timestamp: String
        var lazaret: Details
    }

    /// A flow, as this program and Suricata write it.
    struct Flow: Decodable {
        struct Counters: Decodable {
            var pkts_toserver: UInt64
            var pkts_toclient: UInt64
            var bytes_toserver: UInt64
            var bytes_toclient: UInt64
            var start: String
            var end: String
            var state: String?
        }

        var src_ip: String
        var src_port: UInt16?
        var dest_ip: String
        var dest_port: UInt16?
        var proto: String
        var community_id: String?
        var flow: Counters
    }

    /// The alert with this identifier.
    ///
    /// - Throws: `.input` where there is none.
    func alert(_ eventID: String) throws -> Alert {
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
    func fences(_ quarantineID: String) -> [Fence] {
        var found: [Fence] = []
        forEachLine(holding: "\"\(quarantineID)\"") { line in
            if let fence = try? JSONDecoder().decode(Fence.self, from: line) { found.append(fence) }
            return true
        }
        return found
    }

    /// Hands the flows that an address opened to `body`.
    func forEachFlow(from address: String, _ body: (Flow) -> Void) {
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
